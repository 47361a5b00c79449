//! `lic train`.

use std::cell::RefCell;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use indicatif::ProgressBar;
use lic_models::Device;
use lic_models::train::temporal::TemporalRecipe;
use lic_models::train::{self, Event, Recipe, TrainError};

use crate::args::Train;
use crate::progress;
use crate::report::{Words, print_json};

/// Trains a model, or exports what was trained.
pub fn run(args: &Train, words: Words) -> Result<()> {
    args.machine.set_threads()?;
    let plan = Plan::open(&args.recipe)?;
    let folder = args.run.clone();
    let folder = folder.unwrap_or_else(|| PathBuf::from("runs").join(plan.name()));
    if let Some(out) = &args.export {
        plan.export(&folder, out)?;
        let (name, out) = (plan.name(), out.display());
        words.say(&format!("{out}: wrote the weights of {name}"));
        return Ok(());
    }
    let device = args.machine.device.open()?;
    let stop_file = folder.join("stop");
    remove_old(&stop_file)?;

    let watcher = Watcher {
        words,
        json: args.json,
        bar: progress::bar(words, plan.steps()),
    };
    // The loop takes no error from its watcher; one that comes up stops it.
    let failure = RefCell::new(None);
    let mut watch = |event: &Event| {
        if let Err(error) = watcher.see(event) {
            failure.borrow_mut().get_or_insert(error);
        }
    };
    let stop = || failure.borrow().is_some() || stop_file.exists();
    let trained = plan.run(&folder, &device, &mut watch, &stop);
    watcher.bar.finish_and_clear();
    trained?;
    if let Some(error) = failure.into_inner() {
        return Err(error);
    }
    words.say(&format!(
        "{}: the newest checkpoint is here",
        folder.display()
    ));
    Ok(())
}

/// What is trained: a model, or the prior of a model's predicted frames.
enum Plan {
    Model(Box<Recipe>),
    Temporal(Box<TemporalRecipe>),
}

impl Plan {
    fn open(path: &Path) -> Result<Self> {
        Ok(match TemporalRecipe::open(path)? {
            Some(recipe) => Self::Temporal(Box::new(recipe)),
            None => Self::Model(Box::new(Recipe::open(path)?)),
        })
    }

    fn name(&self) -> &str {
        match self {
            Self::Model(recipe) => &recipe.name,
            Self::Temporal(recipe) => &recipe.name,
        }
    }

    fn steps(&self) -> u64 {
        match self {
            Self::Model(recipe) => recipe.schedule.steps,
            Self::Temporal(recipe) => recipe.schedule.steps,
        }
    }

    fn export(&self, folder: &Path, out: &Path) -> Result<(), TrainError> {
        match self {
            Self::Model(recipe) => train::export(recipe, folder, out),
            Self::Temporal(recipe) => train::temporal::export(recipe, folder, out),
        }
    }

    fn run(
        &self,
        folder: &Path,
        device: &Device,
        watch: &mut dyn FnMut(&Event),
        stop: &dyn Fn() -> bool,
    ) -> Result<(), TrainError> {
        match self {
            Self::Model(recipe) => train::run(recipe, folder, device, watch, stop).map(drop),
            Self::Temporal(recipe) => {
                train::temporal::run(recipe, folder, device, watch, stop).map(drop)
            }
        }
    }
}

/// A `stop` that ended the last sitting must not end this one.
fn remove_old(stop_file: &Path) -> Result<()> {
    match fs::remove_file(stop_file) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", stop_file.display()))
        }
        _ => Ok(()),
    }
}

struct Watcher {
    words: Words,
    json: bool,
    bar: ProgressBar,
}

impl Watcher {
    fn see(&self, event: &Event) -> Result<()> {
        match event {
            Event::Start { step, .. } => self.bar.set_position(*step),
            Event::Step { step, .. } => {
                self.bar.set_message(text(event));
                self.bar.set_position(*step);
            }
            Event::Skipped { .. } | Event::Evaluation { .. } => {}
        }
        let on_bar = self.words.on_terminal() && matches!(event, Event::Step { .. });
        if self.json {
            print_json(event)?;
        } else if !on_bar {
            // Lines go above the bar, if there is one.
            self.bar.suspend(|| self.words.say(&text(event)));
        }
        Ok(())
    }
}

/// An event's key numbers.
fn text(event: &Event) -> String {
    match event {
        Event::Start {
            step,
            steps,
            parameters,
        } => format!("step {step} of {steps}, {parameters} parameters"),
        Event::Step {
            step,
            loss,
            bpp,
            mse,
            rate,
            ..
        } => format!("step {step}: loss {loss:.4}, {bpp:.4} bpp, mse {mse:.2}, rate {rate:.2e}"),
        Event::Skipped { step } => format!("step {step} changed nothing: its gradient overflowed"),
        Event::Evaluation { step, points } => {
            let point =
                |p: &train::Point| format!("q{} {:.3} bpp {:.2} dB", p.quality, p.bpp, p.psnr);
            let points: Vec<String> = points.iter().map(point).collect();
            format!("step {step}, held aside: {}", points.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_stop_file_goes_and_none_is_fine() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stop");
        fs::write(&file, "").unwrap();
        remove_old(&file).unwrap();
        assert!(!file.exists());
        remove_old(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert!(remove_old(&file).is_err());
    }
}
