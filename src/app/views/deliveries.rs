//! What views have delivered, kept in memory until their closing entry says it.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard},
};

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
    /// Deliveries that have begun and not ended.
    running: u64,
    /// Whether a closing entry counts it just now, after which nothing may go out.
    closing: bool,
}

impl Delivered {
    fn is_nothing(&self) -> bool {
        self.running == 0 && self.requests == 0 && !self.closing
    }
}

/// One delivery of a view, for as long as it runs.
#[derive(Debug)]
pub(super) struct Running {
    deliveries: Arc<Deliveries>,
    view: ViewId,
}

impl Deliveries {
    /// Begins a delivery. What it gives out is counted; if that is nothing, no trace is kept.
    pub(super) fn begin(self: &Arc<Self>, view: ViewId) -> Running {
        self.lock().entry(view).or_default().running += 1;
        Running {
            deliveries: self.clone(),
            view,
        }
    }

    /// What a view has delivered, after which it delivers nothing: for its closing entry.
    /// Follow it by [`Deliveries::forget`] or [`Deliveries::reopen`].
    pub(super) fn closing(&self, view: ViewId) -> Option<Delivered> {
        let mut all = self.lock();
        // Also where nothing was delivered yet: a delivery that begins now finds it closing.
        let delivered = all.entry(view).or_default();
        delivered.closing = true;
        (delivered.requests > 0).then(|| delivered.clone())
    }

    /// The closing entry is durable.
    pub(super) fn forget(&self, view: ViewId) {
        self.lock().remove(&view);
    }

    /// There is no closing entry; the view delivers on.
    pub(super) fn reopen(&self, view: ViewId) {
        let mut all = self.lock();
        if let Some(delivered) = all.get_mut(&view) {
            delivered.closing = false;
            if delivered.is_nothing() {
                all.remove(&view);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ViewId, Delivered>> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

impl Running {
    /// Counts a piece that is about to go out; false if it may not, because the view was
    /// closed.
    pub(super) fn given(&self, piece: Range<u64>) -> bool {
        let mut all = self.deliveries.lock();
        let Some(delivered) = all.get_mut(&self.view) else {
            return false;
        };
        if delivered.closing {
            return false;
        }
        delivered.bytes += piece.end - piece.start;
        // Pieces of one delivery follow each other, so most of them only move an end.
        match delivered.ranges.iter_mut().find(|r| r.end == piece.start) {
            Some(range) => range.end = piece.end,
            None => delivered.ranges.push(piece),
        }
        join(&mut delivered.ranges);
        true
    }

    /// Counts the request, once it is sure that the view is open.
    pub(super) fn asked(&self) {
        if let Some(delivered) = self.deliveries.lock().get_mut(&self.view) {
            delivered.requests += 1;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut all = self.deliveries.lock();
        if let Some(delivered) = all.get_mut(&self.view) {
            delivered.running -= 1;
            if delivered.is_nothing() {
                all.remove(&self.view);
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    const VIEW: ViewId = ViewId::from_bytes([7; 16]);

    #[test]
    fn a_closing_entry_counts_what_still_runs_and_nothing_goes_out_behind_it() {
        let deliveries = Arc::new(Deliveries::default());
        let (one, other) = (deliveries.begin(VIEW), deliveries.begin(VIEW));
        one.asked();
        other.asked();
        assert!(one.given(0..10) && other.given(50..60) && one.given(10..20));
        let counted = deliveries.closing(VIEW).expect("something was delivered");
        assert_eq!((counted.bytes, counted.requests), (30, 2));
        assert_eq!(counted.ranges, [0..20, 50..60]);
        assert!(!one.given(20..30));
        deliveries.reopen(VIEW);
        assert!(one.given(20..30));
        assert_eq!(deliveries.closing(VIEW).expect("still there").bytes, 40);
        deliveries.forget(VIEW);
        assert!(!other.given(60..70));
        drop((one, other));
        assert!(deliveries.lock().is_empty());
    }

    #[test]
    fn what_begins_while_a_view_is_being_closed_gives_nothing_out() {
        let deliveries = Arc::new(Deliveries::default());
        assert!(deliveries.closing(VIEW).is_none());
        let late = deliveries.begin(VIEW);
        late.asked();
        assert!(!late.given(0..1));
        deliveries.reopen(VIEW);
        assert!(late.given(0..1));
    }

    #[test]
    fn looking_at_a_view_that_is_not_open_leaves_no_trace() {
        let deliveries = Arc::new(Deliveries::default());
        drop(deliveries.begin(VIEW));
        assert!(deliveries.lock().is_empty());
        let read = deliveries.begin(VIEW);
        read.asked();
        drop(read);
        assert!(deliveries.closing(VIEW).is_some());
    }
}
