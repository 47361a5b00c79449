//! Checkpoints: a folder with weights, their running mean, the optimiser and the
//! step. It is written beside the old one and renamed, so that a stop at any
//! moment leaves one whole.

use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::store::ModuleRecord;

use crate::standard::Standard;

/// Why a checkpoint cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The disk.
    #[error("checkpoint {path}: {source}")]
    Io {
        /// File or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The content.
    #[error("checkpoint {path}: {reason}")]
    Content {
        /// File.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// All that a run needs to go on.
pub struct State {
    /// Weights, with gradients.
    pub model: Standard,
    /// Their running mean, without.
    pub mean: Standard,
    /// Adam's moments.
    pub optimiser: ModuleOptimizer,
    /// Steps done.
    pub step: u64,
    /// Pixels seen.
    pub pixels: u64,
    /// Steps in a row, the last one among them, whose gradient overflowed.
    pub overflowed: u32,
}

/// Folder of the newest checkpoint of a run: the one before it, if the run ended
/// between the two renames of [`save`].
pub fn newest(run: &Path) -> PathBuf {
    let (folder, old) = (run.join("checkpoint"), run.join("checkpoint.old"));
    if !folder.exists() && old.exists() {
        old
    } else {
        folder
    }
}

/// Writes `state` as the newest checkpoint of `run`.
pub fn save(run: &Path, state: &State) -> Result<(), CheckpointError> {
    let fresh = run.join("checkpoint.new");
    let old = run.join("checkpoint.old");
    let folder = run.join("checkpoint");
    if fresh.exists() {
        io(&fresh, fs::remove_dir_all(&fresh))?;
    }
    io(&fresh, fs::create_dir_all(&fresh))?;
    let weights = fresh.join("model.bpk");
    content(&weights, state.model.clone().into_record().save(&weights))?;
    let mean = fresh.join("mean.bpk");
    content(&mean, state.mean.clone().into_record().save(&mean))?;
    let optimiser = fresh.join("optimiser.bpk");
    content(&optimiser, state.optimiser.save(&optimiser))?;
    let position = fresh.join("position.json");
    let text = serde_json::json!({ "step": state.step, "pixels": state.pixels }).to_string();
    io(&position, fs::write(&position, text))?;
    if old.exists() {
        io(&old, fs::remove_dir_all(&old))?;
    }
    if folder.exists() {
        io(&folder, fs::rename(&folder, &old))?;
    }
    io(&folder, fs::rename(&fresh, &folder))
}

/// Reads the checkpoint in `folder` into `state`, whose shapes it must have.
pub fn load(folder: &Path, state: State) -> Result<State, CheckpointError> {
    let weights = folder.join("model.bpk");
    let record = content(&weights, ModuleRecord::load(&weights))?;
    let model = content(&weights, state.model.try_load_record(record))?;
    let mean = load_mean(folder, state.mean)?;
    let optimiser_path = folder.join("optimiser.bpk");
    let optimiser = content(&optimiser_path, state.optimiser.load(&optimiser_path))?;
    let path = folder.join("position.json");
    let text = io(&path, fs::read_to_string(&path))?;
    let position: serde_json::Value = content(&path, serde_json::from_str(&text))?;
    let number = |key: &str| -> Result<u64, CheckpointError> {
        position[key]
            .as_u64()
            .ok_or_else(|| CheckpointError::Content {
                path: path.clone(),
                reason: format!("{key} is not a number"),
            })
    };
    Ok(State {
        model,
        mean,
        optimiser,
        step: number("step")?,
        pixels: number("pixels")?,
        overflowed: 0,
    })
}

/// Reads the running mean of the weights alone.
pub fn load_mean(folder: &Path, shape: Standard) -> Result<Standard, CheckpointError> {
    let path = folder.join("mean.bpk");
    let record = content(&path, ModuleRecord::load(&path))?;
    content(&path, shape.try_load_record(record))
}

pub(super) fn io<T>(path: &Path, result: std::io::Result<T>) -> Result<T, CheckpointError> {
    result.map_err(|source| CheckpointError::Io {
        path: path.into(),
        source,
    })
}

pub(super) fn content<T, E: std::fmt::Display>(
    path: &Path,
    result: Result<T, E>,
) -> Result<T, CheckpointError> {
    result.map_err(|e| CheckpointError::Content {
        path: path.into(),
        reason: e.to_string(),
    })
}
