//! Progress bars: on standard error, only if it is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::report::Words;

/// A bar of `length` steps; hidden if words are not wanted or nobody watches.
pub fn bar(words: Words, length: u64) -> ProgressBar {
    let template = "{bar:32} {pos}/{len} {msg} ({eta} left)";
    shown(words, Some(length), template)
}

/// For work whose length is not known.
pub fn spinner(words: Words) -> ProgressBar {
    let spinner = shown(words, None, "{spinner} {msg}");
    if !spinner.is_hidden() {
        spinner.enable_steady_tick(Duration::from_millis(120));
    }
    spinner
}

fn shown(words: Words, length: Option<u64>, template: &str) -> ProgressBar {
    if !words.on_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
    // A template with a mistake falls back to the plain bar.
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
