//! Progress on a terminal; nothing anywhere else.

use std::{
    io::IsTerminal,
    path::Path,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::client::{
    deposit::{Stage, Watch},
    names,
    source::Count,
};

/// How often the bars are drawn.
const EVERY: Duration = Duration::from_millis(125);
/// Characters of a file name beside its bar.
const NAME_CHARS: usize = 16;
/// No colour anywhere, so that `NO_COLOR` has nothing to forbid.
const STYLE: &str =
    "{prefix:16} {msg:7} [{wide_bar}] {bytes}/{total_bytes} {bytes_per_sec} {eta} left";

/// Of many files: how many are done with, how fast, and how long the rest takes.
const TOTAL_STYLE: &str =
    "{prefix:16} {msg:7} [{wide_bar}] {human_pos}/{human_len} files {per_sec} {eta} left";

/// One bar for each file that is being worked on, and one for all of many.
pub(super) struct Bars {
    all: MultiProgress,
    total: Mutex<Option<ProgressBar>>,
    live: Arc<Mutex<Vec<(ProgressBar, Count)>>>,
    drawn: bool,
    drawing: Option<tokio::task::JoinHandle<()>>,
}

impl Bars {
    /// Bars on standard error, if that is a terminal.
    pub(super) fn new() -> Self {
        let drawn = std::io::stderr().is_terminal();
        let all = MultiProgress::with_draw_target(if drawn {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        });
        let live = Arc::<Mutex<Vec<(ProgressBar, Count)>>>::default();
        let drawing = drawn.then(|| {
            let live = live.clone();
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(EVERY).await;
                    for (bar, count) in &*live.lock().expect("no holder of this lock panics") {
                        bar.set_position(count.load(Ordering::Relaxed));
                    }
                }
            })
        });
        Self {
            all,
            total: Mutex::new(None),
            live,
            drawn,
            drawing,
        }
    }

    /// Writes lines where no bar is drawn over them.
    pub(super) fn above(&self, write: impl FnOnce()) {
        self.all.suspend(write);
    }

    fn end_total(&self) {
        let mut total = self.total.lock().expect("no holder of this lock panics");
        if let Some(bar) = total.take() {
            bar.finish_and_clear();
        }
    }
}

fn word(stage: Stage) -> &'static str {
    match stage {
        Stage::Hashing => "hashing",
        Stage::Sending => "sending",
        Stage::Taking => "taking",
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        if let Some(drawing) = &self.drawing {
            drawing.abort();
        }
        self.end_total();
    }
}

impl Watch for Bars {
    fn stage(&self, stage: Stage, files: usize) {
        self.end_total();
        if !self.drawn || files < 2 {
            return;
        }
        let style = ProgressStyle::with_template(TOTAL_STYLE);
        let bar = self.all.add(ProgressBar::new(files as u64));
        bar.set_style(style.expect("the template is of its form"));
        bar.set_prefix("all files");
        bar.set_message(word(stage));
        let mut total = self.total.lock().expect("no holder of this lock panics");
        *total = Some(bar);
    }

    fn ended(&self) {
        let total = self.total.lock().expect("no holder of this lock panics");
        if let Some(bar) = &*total {
            bar.inc(1);
        }
    }

    fn begins(&self, stage: Stage, file: &Path, size: u64, count: Count) -> Box<dyn Send> {
        if !self.drawn {
            return Box::new(());
        }
        let style = ProgressStyle::with_template(STYLE).expect("the template is of its form");
        let name = names::shown(Path::new(file.file_name().unwrap_or_default()));
        let name: String = name.chars().take(NAME_CHARS).collect();
        let bar = self.all.add(ProgressBar::new(size));
        bar.set_style(style);
        bar.set_prefix(name);
        bar.set_message(word(stage));
        let mut live = self.live.lock().expect("no holder of this lock panics");
        live.push((bar.clone(), count));
        Box::new(Shown {
            bar,
            live: self.live.clone(),
        })
    }
}

/// A bar that goes when nothing more happens with its file.
struct Shown {
    bar: ProgressBar,
    live: Arc<Mutex<Vec<(ProgressBar, Count)>>>,
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        let mut live = self.live.lock().expect("no holder of this lock panics");
        live.retain(|(bar, _)| !bar.is_finished());
    }
}
