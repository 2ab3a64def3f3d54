//! A sign of life for who waits.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often the line changes.
const TICK: Duration = Duration::from_millis(100);

/// Shows, after some patience, that a module is being compiled and for how long; as long as it lives. Then nothing of it is
/// left.
#[derive(Debug)]
pub(super) struct Waiting {
    /// Dropped to end the thread.
    over: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Waiting {
    pub(super) fn begin(bytes: usize, patience: Duration, target: ProgressDrawTarget) -> Self {
        let (over, is_over) = channel();
        let show = move || {
            if is_over.recv_timeout(patience) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let bar = ProgressBar::with_draw_target(None, target).with_elapsed(patience).with_style(style());
            bar.set_message(format!("compiling {} of WebAssembly", HumanBytes(bytes as u64)));
            while is_over.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                bar.tick();
            }
            bar.finish_and_clear();
        };
        // Without a thread there is no sign, and all else is as it would be.
        let thread = thread::Builder::new().name("subvm-progress".into()).spawn(show).ok();
        Self { over: Some(over), thread }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {msg}, {elapsed}").expect("a well-formed template")
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.over = None;
        // The line is gone before anything else is printed.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use indicatif::TermLike;

    use super::*;

    /// A terminal that keeps what it showed.
    #[derive(Clone, Debug, Default)]
    struct Screen(Arc<Mutex<Vec<String>>>);

    impl Screen {
        fn note(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push(text.to_owned());
            Ok(())
        }
    }

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            80
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.note(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.note(text)
        }
        fn clear_line(&self) -> io::Result<()> {
            self.note("(cleared)")
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn who_waits_is_shown_a_line_which_goes_away() {
        let screen = Screen::default();
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        let waiting = Waiting::begin(3 << 20, Duration::ZERO, target);
        while screen.0.lock().unwrap().is_empty() {
            thread::yield_now();
        }
        drop(waiting);
        let shown = screen.0.lock().unwrap();
        assert!(shown.iter().any(|text| text.contains("compiling 3.00 MiB of WebAssembly, 0s")), "{shown:?}");
        assert_eq!(shown.last().map(String::as_str), Some("(cleared)"));
    }

    #[test]
    fn who_need_not_wait_is_shown_nothing() {
        let screen = Screen::default();
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        drop(Waiting::begin(1, Duration::from_secs(3600), target));
        assert!(screen.0.lock().unwrap().is_empty());
    }
}
