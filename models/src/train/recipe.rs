//! Recipes: TOML files that say all there is to say about a run.

use std::path::{Path, PathBuf};

use burn::module::ParamGroup;
use lic_datasets::MAX_ENLARGEMENT;
use serde::{Deserialize, Serialize};

use super::objective::{Objective, SHORTEST};
use crate::standard::StandardConfig;

/// A training run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Name of the run and of its folder.
    pub name: String,
    /// Everything random follows from this and the number of the step.
    pub seed: u64,
    /// Goes on from the newest checkpoint of another run: its weights, optimiser
    /// and step.
    #[serde(default)]
    pub from_run: Option<PathBuf>,
    /// Starts from shipped weights instead of the KLT: the path of the three files
    /// without what follows the name, such as `models/weights/mse`. The optimiser
    /// starts anew.
    #[serde(default)]
    pub from_weights: Option<PathBuf>,
    /// What it starts from if it does from nothing else.
    #[serde(default)]
    pub start: Start,
    /// Networks that stay as they are, by the names of [`Standard`](crate::standard::Standard)'s
    /// fields, such as `["g_a", "g_s", "gain"]`. Where these three are frozen the
    /// picture is neither synthesised nor in the loss while training.
    #[serde(default)]
    pub freeze: Vec<String>,
    /// What the rate is taken of.
    #[serde(default)]
    pub rate_of: RateOf,
    /// Whether latents are quantised on the model's trellis.
    #[serde(default)]
    pub trellis: bool,
    /// Shape of the model; the standard one if left out.
    #[serde(default)]
    pub model: StandardConfig,
    /// What is to be small for its bits; the squared error if left out.
    #[serde(default)]
    pub objective: Objective,
    /// Of the loss's distortion, the share of the squared error with its own λ, beside
    /// what the objective says.
    #[serde(default)]
    pub squared_error_part: f64,
    /// Pictures.
    pub data: Data,
    /// Steps and rates.
    pub schedule: Schedule,
    /// Crops by step: the first entry whose `until` is above the step holds.
    pub crops: Vec<Crops>,
    /// What is written, and how often.
    pub log: Log,
}

/// Networks that [`Recipe::freeze`] may name.
const NETWORKS: [&str; 7] = ["g_a", "g_s", "gain", "h_a", "factorized", "mean", "shape"];

/// What a run starts from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// The KLT of the pictures, its channels by their energy.
    #[default]
    Klt,
    /// The same with its channels in an order that says nothing, for ablations.
    ShuffledKlt,
    /// Random projections, for ablations.
    Random,
}

/// What a training step takes the rate of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateOf {
    /// Latents with uniform noise: what transforms can learn from.
    #[default]
    Noisy,
    /// Rounded latents, as coded: exact where no network before the rounding learns.
    Rounded,
}

/// Pictures of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Folder of pictures.
    pub pictures: PathBuf,
    /// Every n-th picture is held aside for evaluation.
    pub held_every: usize,
    /// Crops of 256x256 from the pictures held aside.
    pub held_crops: usize,
    /// Half of the crops are scaled up by as much as this.
    #[serde(default = "as_they_are")]
    pub enlarging: f64,
}

fn as_they_are() -> f64 {
    1.0
}

/// Steps and learning rates.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Steps in all.
    pub steps: u64,
    /// Learning rate of Adam between warm-up and decay.
    pub rate: f64,
    /// The layers that start as the KLT learn this many times as fast as the
    /// rest (below one: at the full rate they are destroyed before the rest has
    /// learnt anything).
    pub klt_factor: f64,
    /// Steps over which the rate rises from nothing.
    pub warmup: u64,
    /// The last so many steps, over which the rate falls linearly.
    pub decay: u64,
    /// To this part of `rate`.
    pub final_factor: f64,
    /// Bound of the gradient's norm over all parameters together.
    pub clip: f64,
    /// Decay of the running mean of the weights, for each step.
    pub ema: f64,
}

/// What a batch consists of.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crops {
    /// Up to this step.
    pub until: u64,
    /// Side in pixels; a multiple of 64.
    pub size: u32,
    /// Crops in a batch.
    pub batch: usize,
}

/// How often things are written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// A log line, in steps.
    pub every: u64,
    /// An evaluation, in steps.
    pub evaluate: u64,
    /// A checkpoint, in steps.
    pub checkpoint: u64,
}

/// What is wrong with a recipe.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// The file cannot be read.
    #[error("recipe {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not a recipe.
    #[error("recipe {path}: {source}")]
    Toml {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A value out of range.
    #[error("recipe {name}: {what}")]
    Value {
        /// The recipe.
        name: String,
        /// The field, its value and the limit.
        what: String,
    },
}

impl Recipe {
    /// Reads and checks a file.
    pub fn open(path: &Path) -> Result<Self, RecipeError> {
        let text = std::fs::read_to_string(path).map_err(|source| RecipeError::Io {
            path: path.into(),
            source,
        })?;
        let recipe: Self = toml::from_str(&text).map_err(|source| RecipeError::Toml {
            path: path.into(),
            source: Box::new(source),
        })?;
        recipe.check()?;
        Ok(recipe)
    }

    fn check(&self) -> Result<(), RecipeError> {
        let fail = |what: String| {
            Err(RecipeError::Value {
                name: self.name.clone(),
                what,
            })
        };
        if self.crops.is_empty() {
            return fail("crops: at least one entry is needed".into());
        }
        for crops in &self.crops {
            if crops.size == 0 || crops.size % 64 != 0 || crops.batch == 0 {
                let (size, batch) = (crops.size, crops.batch);
                return fail(format!(
                    "crops: size {size} must be a multiple of 64 and batch {batch} at least 1"
                ));
            }
        }
        let shortest = self.crops.iter().map(|c| c.size).min().unwrap_or(0) as usize;
        if self.objective == Objective::MsSsim && shortest < SHORTEST {
            return fail(format!(
                "crops: size {shortest} is too small for MS-SSIM, which needs {SHORTEST}"
            ));
        }
        if let Some(name) = self.freeze.iter().find(|n| !NETWORKS.contains(&n.as_str())) {
            return fail(format!("freeze: {name:?} is none of {NETWORKS:?}"));
        }
        if self.data.held_every < 2 || self.data.held_crops == 0 {
            return fail(format!(
                "data: held_every {} must be at least 2 and held_crops {} at least 1",
                self.data.held_every, self.data.held_crops
            ));
        }
        if !(1.0..=MAX_ENLARGEMENT).contains(&self.data.enlarging) {
            return fail(format!(
                "data: enlarging {} must be in 1..={MAX_ENLARGEMENT}",
                self.data.enlarging
            ));
        }
        if !(0.0..=1.0).contains(&self.squared_error_part) {
            return fail(format!(
                "squared_error_part {} must be in 0..=1",
                self.squared_error_part
            ));
        }
        let mixture = self.model.shape.mixture.as_ref();
        if self.trellis && mixture.is_none_or(|mixture| mixture.trellis.is_none()) {
            return fail("trellis: the model has no [model.shape.mixture.trellis]".into());
        }
        if self.schedule.decay > self.schedule.steps {
            let Schedule { decay, steps, .. } = self.schedule;
            return fail(format!(
                "schedule: decay {decay} is longer than the run's {steps} steps"
            ));
        }
        if [self.log.every, self.log.evaluate, self.log.checkpoint].contains(&0) {
            return fail("log: every, evaluate and checkpoint must be at least 1".into());
        }
        Ok(())
    }

    /// What [`freeze`](Self::freeze) names, by the paths of parameters.
    pub(super) fn frozen(&self) -> Option<ParamGroup> {
        let paths = self.freeze.iter().map(|name| format!("{name}."));
        (!self.freeze.is_empty()).then(|| ParamGroup::from_any_predicates(paths.collect()))
    }

    /// Whether nothing that the picture follows from learns but the means, which
    /// rounding hides.
    pub(super) fn freezes_transform(&self) -> bool {
        let frozen = |name: &&str| self.freeze.iter().any(|n| n == name);
        ["g_a", "g_s", "gain"].iter().all(frozen)
    }

    /// The crops of a step.
    pub fn crops_at(&self, step: u64) -> &Crops {
        let last = self.crops.last().expect("checked when opened");
        self.crops.iter().find(|c| step < c.until).unwrap_or(last)
    }
}

impl Schedule {
    /// Learning rate at a step.
    pub fn rate_at(&self, step: u64) -> f64 {
        let warm = ((step + 1) as f64 / self.warmup.max(1) as f64).min(1.0);
        let left = self.steps.saturating_sub(step) as f64 / self.decay.max(1) as f64;
        let cool = self.final_factor + (1.0 - self.final_factor) * left.min(1.0);
        self.rate * warm * cool
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_rises_stays_and_falls() {
        let schedule = Schedule {
            steps: 1000,
            rate: 1.0,
            klt_factor: 0.1,
            warmup: 100,
            decay: 200,
            final_factor: 0.02,
            clip: 1.0,
            ema: 0.99,
        };
        assert!(schedule.rate_at(0) < 0.02);
        assert_eq!(schedule.rate_at(500), 1.0);
        assert!((schedule.rate_at(900) - 0.51).abs() < 1e-9);
        assert!((schedule.rate_at(1000) - 0.02).abs() < 1e-9);
    }
}
