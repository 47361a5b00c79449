//! The loop.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::module::Module;
use burn::tensor::Device;
use lic_datasets::{CropError, CropSampler, FolderError, ImageFolder, fixed_crops};
use serde::Serialize;

use super::Recipe;
use super::checkpoint::{self, CheckpointError};
use super::evaluate::{Point, evaluate};
use super::start::open;
use super::step::{Seen, draw, step};
use crate::standard::Standard;
use crate::transform::KltError;
use crate::weights::{WeightsError, freeze};

/// Side of the crops held aside.
const HELD_SIZE: u32 = 256;

/// A line of the log.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The run begins or goes on.
    Start {
        /// Steps done before.
        step: u64,
        /// Steps in all.
        steps: u64,
        /// Parameters of the model.
        parameters: usize,
    },
    /// Means over the steps since the last such line.
    Step {
        /// Steps done.
        step: u64,
        /// The loss.
        loss: f64,
        /// Bits per pixel.
        bpp: f64,
        /// Mean squared error of 0..=255 pixels.
        mse: f64,
        /// What the recipe calls distortion: the same, or 1 − MS-SSIM.
        distortion: f64,
        /// Norm of the gradient before it was bounded.
        norm: f64,
        /// Learning rate.
        rate: f64,
        /// Pixels seen since the beginning.
        pixels: u64,
        /// Seconds since this sitting began.
        seconds: f64,
    },
    /// A step whose gradient overflowed, and which changed nothing.
    Skipped {
        /// Which.
        step: u64,
    },
    /// The running mean of the weights on crops held aside.
    Evaluation {
        /// Steps done.
        step: u64,
        /// A curve.
        points: Vec<Point>,
    },
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The pictures cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The pictures do not fit the crops.
    #[error(transparent)]
    Crop(#[from] CropError),
    /// The start cannot be computed.
    #[error(transparent)]
    Klt(#[from] KltError),
    /// A video.
    #[error("{path}: {reason}")]
    Video {
        /// The file.
        path: PathBuf,
        /// Why it cannot be used.
        reason: String,
    },
    /// The codec failed at a sample.
    #[error("sample: {0}")]
    Sample(String),
    /// A checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The log or the run's folder.
    #[error("{path}: {source}")]
    Io {
        /// File or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The weights cannot be frozen.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The weights to begin with are of another model.
    #[error("{path}: not a beginning for the recipe's [model]: {found} there, {wanted} wanted")]
    Unfit {
        /// The weights.
        path: PathBuf,
        /// Their configuration, as far as it can follow the recipe's.
        found: String,
        /// The recipe's.
        wanted: String,
    },
    /// Burn refused the learning rate.
    #[error("learning rate: {0}")]
    Schedule(String),
    /// The loss is not a number any more.
    #[error("step {step}: the gradient's norm is {norm}; a lower rate may help")]
    Diverged {
        /// The step.
        step: u64,
        /// The norm.
        norm: f64,
    },
}

/// Trains after `recipe` in the folder `run`, from its newest checkpoint if there
/// is one, until the recipe's last step or `stop` says so. Every event goes to
/// `log.jsonl` in the folder and to `watch`.
pub fn run(
    recipe: &Recipe,
    folder: &Path,
    device: &Device,
    watch: &mut dyn FnMut(&Event),
    stop: &dyn Fn() -> bool,
) -> Result<Standard, TrainError> {
    fs::create_dir_all(folder).map_err(|source| TrainError::Io {
        path: folder.into(),
        source,
    })?;
    let mut log = Journal::open(folder)?;
    let pictures_in = ImageFolder::open(&recipe.data.pictures)?;
    let (train, held) = pictures_in.split_held_aside(recipe.data.held_every);
    let held = fixed_crops(&held.load_all()?, HELD_SIZE, recipe.data.held_crops)?;
    let sampler =
        CropSampler::new(train.load_all()?, recipe.seed)?.enlarging(recipe.data.enlarging);

    let autodiff = device.clone().autodiff();
    let mut state = open(recipe, folder, &sampler, &autodiff)?;
    let mut emit = |event: Event| -> Result<(), TrainError> {
        log.write(&event)?;
        watch(&event);
        Ok(())
    };
    let parameters = state.model.num_params();
    emit(Event::Start {
        step: state.step,
        steps: recipe.schedule.steps,
        parameters,
    })?;

    let evaluated =
        |mean: &Standard| evaluate(mean, &held, HELD_SIZE as usize, recipe.trellis, device);
    if state.step == 0 {
        let points = evaluated(&state.mean);
        emit(Event::Evaluation { step: 0, points })?;
    }
    std::thread::scope(|scope| -> Result<Standard, TrainError> {
        let crops = draw(scope, recipe, &sampler, state.step..recipe.schedule.steps);
        let began = Instant::now();
        let mut means = Means::default();
        while state.step < recipe.schedule.steps && !stop() {
            let Ok(crops) = crops.recv() else { break };
            let (next, seen) = step(state, recipe, crops?, &autodiff)?;
            state = next;
            let done = state.step;
            match seen {
                Some(seen) => means.add(&seen),
                None => emit(Event::Skipped { step: done - 1 })?,
            }
            if done.is_multiple_of(recipe.log.every) && means.count > 0.0 {
                let rate = recipe.schedule.rate_at(done);
                emit(means.event(done, rate, state.pixels, began.elapsed().as_secs_f64()))?;
                means = Means::default();
            }
            if done.is_multiple_of(recipe.log.evaluate) || done == recipe.schedule.steps {
                let points = evaluated(&state.mean);
                emit(Event::Evaluation { step: done, points })?;
            }
            if done.is_multiple_of(recipe.log.checkpoint) {
                // Going on from what was written, as a run that was stopped does:
                // tensors keep their values but not their strides, and a sum over
                // other strides differs in its last digit.
                checkpoint::save(folder, &state)?;
                state = checkpoint::load(&checkpoint::newest(folder), state)?;
            }
        }
        checkpoint::save(folder, &state)?;
        Ok(state.mean)
    })
}

/// Freezes the running mean of a run's newest checkpoint into the three files that
/// ship: `NAME.json`, `NAME.float.bpk` and `NAME.int.bin` in `out`.
pub fn export(recipe: &Recipe, folder: &Path, out: &Path) -> Result<(), TrainError> {
    let device = Device::flex();
    let mean = checkpoint::load_mean(&checkpoint::newest(folder), recipe.model.init(&device))?;
    let (config, float, integer) = freeze(&recipe.model, mean)?;
    let write = |suffix: &str, bytes: &[u8]| {
        let path = out.join(format!("{}.{suffix}", recipe.name));
        fs::write(&path, bytes).map_err(|source| TrainError::Io { path, source })
    };
    fs::create_dir_all(out).map_err(|source| TrainError::Io {
        path: out.into(),
        source,
    })?;
    write("json", config.as_bytes())?;
    write("float.bpk", &float)?;
    write("int.bin", &integer)
}

#[derive(Default)]
pub(super) struct Means {
    count: f64,
    loss: f64,
    bpp: f64,
    mse: f64,
    distortion: f64,
    norm: f64,
}

impl Means {
    pub fn add(&mut self, seen: &Seen) {
        self.count += 1.0;
        self.loss += seen.loss;
        self.bpp += seen.bpp;
        self.mse += seen.mse;
        self.distortion += seen.distortion;
        self.norm += seen.norm;
    }

    pub fn event(&self, step: u64, rate: f64, pixels: u64, seconds: f64) -> Event {
        let n = self.count.max(1.0);
        Event::Step {
            step,
            loss: self.loss / n,
            bpp: self.bpp / n,
            mse: self.mse / n,
            distortion: self.distortion / n,
            norm: self.norm / n,
            rate,
            pixels,
            seconds,
        }
    }
}

/// `log.jsonl`: one event a line, appended to over all sittings.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    pub fn open(folder: &Path) -> Result<Self, TrainError> {
        let path = folder.join("log.jsonl");
        match OpenOptions::new().create(true).append(true).open(&path) {
            Ok(file) => Ok(Self { path, file }),
            Err(source) => Err(TrainError::Io { path, source }),
        }
    }

    pub fn write(&mut self, event: &Event) -> Result<(), TrainError> {
        let mut line = serde_json::to_string(event).unwrap_or_default();
        line.push('\n');
        self.file
            .write_all(line.as_bytes())
            .map_err(|source| TrainError::Io {
                path: self.path.clone(),
                source,
            })
    }
}
