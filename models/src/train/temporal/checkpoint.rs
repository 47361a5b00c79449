//! Checkpoints of a temporal prior.

use std::fs;
use std::path::Path;

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::store::ModuleRecord;

use super::TemporalRecipe;
use crate::prior::TemporalPrior;
use crate::train::checkpoint::{content, io, newest};
use crate::train::optimise::adam;
use crate::train::{CheckpointError, TrainError};

/// All that a run needs to go on.
pub struct State {
    /// Weights, with gradients.
    pub prior: TemporalPrior,
    /// Their running mean, without.
    pub mean: TemporalPrior,
    /// Adam's moments.
    pub optimiser: ModuleOptimizer,
    /// Steps done.
    pub step: u64,
}

impl State {
    /// The newest checkpoint, or `prior` as a start.
    pub fn open(
        recipe: &TemporalRecipe,
        folder: &Path,
        prior: TemporalPrior,
    ) -> Result<Self, TrainError> {
        let fresh = Self {
            mean: prior.valid(),
            prior,
            optimiser: adam(),
            step: 0,
        };
        let own = newest(folder);
        if own.exists() {
            return Ok(fresh.load(&own)?);
        }
        let Some(run) = &recipe.from_run else {
            return Ok(fresh);
        };
        // What was averaged there is where this one begins.
        let from = newest(run);
        let path = from.join("mean.bpk");
        let record = content(&path, ModuleRecord::load(&path))?;
        let prior = content(&path, fresh.prior.try_load_record(record))?;
        Ok(Self {
            mean: prior.valid(),
            prior,
            optimiser: fresh.optimiser,
            step: 0,
        })
    }

    /// Writes it as the newest checkpoint of `run`.
    pub fn save(&self, run: &Path) -> Result<(), CheckpointError> {
        let (fresh, old) = (run.join("checkpoint.new"), run.join("checkpoint.old"));
        let folder = run.join("checkpoint");
        if fresh.exists() {
            io(&fresh, fs::remove_dir_all(&fresh))?;
        }
        io(&fresh, fs::create_dir_all(&fresh))?;
        let path = fresh.join("model.bpk");
        content(&path, self.prior.clone().into_record().save(&path))?;
        let path = fresh.join("mean.bpk");
        content(&path, self.mean.clone().into_record().save(&path))?;
        let path = fresh.join("optimiser.bpk");
        content(&path, self.optimiser.save(&path))?;
        let path = fresh.join("position.json");
        let text = serde_json::json!({ "step": self.step }).to_string();
        io(&path, fs::write(&path, text))?;
        if old.exists() {
            io(&old, fs::remove_dir_all(&old))?;
        }
        if folder.exists() {
            io(&folder, fs::rename(&folder, &old))?;
        }
        io(&folder, fs::rename(&fresh, &folder))
    }

    fn load(self, folder: &Path) -> Result<Self, CheckpointError> {
        let path = folder.join("model.bpk");
        let record = content(&path, ModuleRecord::load(&path))?;
        let prior = content(&path, self.prior.try_load_record(record))?;
        let path = folder.join("mean.bpk");
        let record = content(&path, ModuleRecord::load(&path))?;
        let mean = content(&path, self.mean.try_load_record(record))?;
        let path = folder.join("optimiser.bpk");
        let optimiser = content(&path, self.optimiser.load(&path))?;
        let path = folder.join("position.json");
        let text = io(&path, fs::read_to_string(&path))?;
        let position: serde_json::Value = content(&path, serde_json::from_str(&text))?;
        let step = position["step"].as_u64();
        let step = step.ok_or_else(|| CheckpointError::Content {
            path,
            reason: "step is not a number".to_owned(),
        })?;
        Ok(Self {
            prior,
            mean,
            optimiser,
            step,
        })
    }
}

/// Reads the running mean of the newest checkpoint of `run`.
pub fn load_mean(run: &Path, shape: TemporalPrior) -> Result<TemporalPrior, CheckpointError> {
    let path = newest(run).join("mean.bpk");
    let record = content(&path, ModuleRecord::load(&path))?;
    content(&path, shape.try_load_record(record))
}
