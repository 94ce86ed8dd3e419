//! What views have delivered, kept in memory until their closing entry says it.

use std::{collections::HashMap, ops::Range, sync::Mutex};

use custos_core::ids::{Timestamp, ViewId};
use serde_json::{Value, json};

use crate::db::views::ViewRow;

/// Ranges that are kept apart for the closing entry; more are joined.
const MAX_RANGES: usize = 64;

/// What views have delivered since the process started, by view.
#[derive(Debug, Default)]
pub struct Deliveries(Mutex<HashMap<ViewId, Delivered>>);

#[derive(Debug, Default, Clone)]
pub(super) struct Delivered {
    bytes: u64,
    requests: u64,
    /// Ascending, apart from each other.
    ranges: Vec<Range<u64>>,
}

impl Deliveries {
    pub(super) fn note(&self, view: ViewId, range: Range<u64>) {
        let mut all = self.0.lock().expect("no holder of this lock panics");
        let delivered = all.entry(view).or_default();
        delivered.requests += 1;
        delivered.bytes += range.end - range.start;
        if !range.is_empty() {
            delivered.ranges.push(range);
            join(&mut delivered.ranges);
        }
    }

    pub(super) fn take(&self, view: ViewId) -> Option<Delivered> {
        self.0
            .lock()
            .expect("no holder of this lock panics")
            .remove(&view)
    }
}

/// Sorts ranges and joins those that touch; beyond [`MAX_RANGES`] the last ones are joined.
fn join(ranges: &mut Vec<Range<u64>>) {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
    for range in ranges.drain(..) {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    while joined.len() > MAX_RANGES {
        let last = joined.pop().expect("there are more than one");
        joined.last_mut().expect("there is one before").end = last.end;
    }
    *ranges = joined;
}

/// What a view delivered; null where the process was started again meanwhile and nothing is
/// known of it, and zero bytes were delivered since.
pub(super) fn summary(
    row: &ViewRow,
    how: &str,
    delivered: Option<&Delivered>,
    now: Timestamp,
) -> Value {
    let ranges = |delivered: &Delivered| -> Vec<[u64; 2]> {
        let ranges = delivered.ranges.iter();
        ranges.map(|range| [range.start, range.end]).collect()
    };
    json!({
        "view": row.id,
        "how": how,
        "open_for": now.micros() - row.opened_at.micros(),
        "bytes": delivered.map(|delivered| delivered.bytes),
        "requests": delivered.map(|delivered| delivered.requests),
        "ranges": delivered.map(ranges),
    })
}
