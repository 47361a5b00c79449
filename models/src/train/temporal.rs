//! Training of a temporal prior, with everything else of the model as it is.
//!
//! Only the prior learns, at 1/16 of the resolution; the latents of all frames are computed
//! once, at the beginning, by the codec itself: a clip is encoded, and what the prior
//! would have seen is kept (`record.rs`). A sample is a few frames of a clip; the residuals
//! that shapes see of the frame before are those of the networks as they are in that step.

mod checkpoint;
mod moving;
mod record;
mod samples;
mod step;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::module::Module;
use burn::tensor::Device;
use lic_codec::ModelId;
use serde::{Deserialize, Serialize};

use super::run::{Journal, Means};
use super::{Event, Log, Objective, Point, RecipeError, Schedule, TrainError};
use crate::coding::StandardModel;
use crate::device::Backend;
use crate::prior::{TemporalConfig, TemporalPrior};
use crate::temporal_weights::{TemporalWeights, freeze_temporal_prior};
use crate::weights::Weights;

use checkpoint::State;
use samples::samples;
use step::{evaluate, step};

/// A training run of a temporal prior.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemporalRecipe {
    /// Name of the run, of its folder and of its weights.
    pub name: String,
    /// Everything random follows from this and the number of the step.
    pub seed: u64,
    /// The weights of the model whose frames are predicted: the path of its three files
    /// without what follows the name, such as `models/weights/mse`.
    pub weights: PathBuf,
    /// Goes on from the newest checkpoint of another run, at step 0.
    #[serde(default)]
    pub from_run: Option<PathBuf>,
    /// Starts from a prior that was exported: the path of its three files without what
    /// follows the name. It keeps its shape, and the optimiser starts anew.
    #[serde(default)]
    pub from_weights: Option<PathBuf>,
    /// The prior by which the predicted frames of the clips are coded, so that what
    /// follows them sees what it will be given: the path of its three files without what
    /// follows the name. If left out, they are coded plainly.
    #[serde(default)]
    pub coded_by: Option<PathBuf>,
    /// Shape of the prior; that of the model's own if left out, and then it begins with
    /// what that has learnt.
    #[serde(default)]
    pub prior: Option<TemporalConfig>,
    /// Clips.
    pub clips: ClipData,
    /// Steps and rates.
    pub schedule: Schedule,
    /// What is written, and how often.
    pub log: Log,
}

/// Clips of a run: parts of videos, and crops that move over pictures.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClipData {
    /// Folder of pictures.
    pub pictures: PathBuf,
    /// y4m files.
    #[serde(default)]
    pub videos: Vec<PathBuf>,
    /// Pixels of a crop, multiples of 64.
    pub size: (u32, u32),
    /// Predicted frames of a sample.
    pub frames: usize,
    /// Samples from pictures.
    pub moving: usize,
    /// Samples from videos, over all of them.
    pub real: usize,
    /// Every n-th sample is held aside for evaluation.
    pub held_every: usize,
    /// Samples in a batch.
    pub batch: usize,
}

impl TemporalRecipe {
    /// Reads a recipe; `None` if the file is a recipe of another kind.
    ///
    /// # Errors
    /// If the file cannot be read, or says something that cannot be done.
    pub fn open(path: &Path) -> Result<Option<Self>, RecipeError> {
        let text = fs::read_to_string(path).map_err(|source| RecipeError::Io {
            path: path.into(),
            source,
        })?;
        if !text.lines().any(|line| line.trim() == "[clips]") {
            return Ok(None);
        }
        let recipe: Self = toml::from_str(&text).map_err(|source| RecipeError::Toml {
            path: path.into(),
            source: Box::new(source),
        })?;
        recipe.check()?;
        Ok(Some(recipe))
    }

    fn check(&self) -> Result<(), RecipeError> {
        let fail = |what: String| {
            Err(RecipeError::Value {
                name: self.name.clone(),
                what,
            })
        };
        let ClipData {
            size: (w, h),
            frames,
            moving,
            real,
            held_every,
            batch,
            ..
        } = self.clips;
        if w == 0 || h == 0 || w % 64 != 0 || h % 64 != 0 {
            return fail(format!("clips: size {w}x{h} must be in multiples of 64"));
        }
        if frames == 0 || batch == 0 || held_every < 2 || moving + real < held_every {
            return fail(format!(
                "clips: frames {frames} and batch {batch} must be at least 1, held_every \
                 {held_every} at least 2, and samples {} at least that",
                moving + real
            ));
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
        if self.from_weights.is_some() && (self.prior.is_some() || self.from_run.is_some()) {
            return fail("from_weights: neither prior nor from_run can be beside it".into());
        }
        Ok(())
    }
}

/// Trains after `recipe` in the folder `run`, from its newest checkpoint if there is
/// one, until the recipe's last step or `stop` says so.
///
/// # Errors
/// See [`TrainError`].
pub fn run(
    recipe: &TemporalRecipe,
    folder: &Path,
    device: &Device,
    watch: &mut dyn FnMut(&Event),
    stop: &dyn Fn() -> bool,
) -> Result<TemporalPrior, TrainError> {
    fs::create_dir_all(folder).map_err(|source| TrainError::Io {
        path: folder.into(),
        source,
    })?;
    let mut log = Journal::open(folder)?;
    let mut emit = |event: Event| -> Result<(), TrainError> {
        log.write(&event)?;
        watch(&event);
        Ok(())
    };
    let frozen = Frozen::read(&recipe.weights)?;
    let config = recipe.shape(&frozen)?;
    let through = recipe
        .coded_by
        .as_deref()
        .map(temporal_weights)
        .transpose()?;
    let (train, held) = samples(recipe, &frozen, through, stop)?;
    let autodiff = device.clone().autodiff();
    let start = || -> Result<TemporalPrior, TrainError> {
        autodiff.seed(recipe.seed);
        if let Some(prefix) = &recipe.from_weights {
            return Ok(temporal_weights(prefix)?.thaw(&autodiff)?);
        }
        if recipe.prior.is_some() {
            return Ok(config.init(&autodiff));
        }
        let model = frozen.0.thaw(&autodiff)?;
        Ok(config.start_from(&model.mean, &model.shape, &autodiff))
    };
    let mut state = State::open(recipe, folder, start()?)?;
    emit(Event::Start {
        step: state.step,
        steps: recipe.schedule.steps,
        parameters: state.prior.num_params(),
    })?;
    let began = Instant::now();
    let mut means = Means::default();
    let look = |state: &State| -> Result<Event, TrainError> {
        let points: Vec<Point> = evaluate(&state.mean, &config.groups, &held, device);
        Ok(Event::Evaluation {
            step: state.step,
            points,
        })
    };
    if state.step == 0 {
        emit(look(&state)?)?;
    }
    while state.step < recipe.schedule.steps && !stop() {
        let (next, seen) = step(state, recipe, &config.groups, &train, &autodiff)?;
        state = next;
        let done = state.step;
        means.add(&seen);
        if done.is_multiple_of(recipe.log.every) {
            let rate = recipe.schedule.rate_at(done);
            let (w, h) = recipe.clips.size;
            let each = u64::from(w) * u64::from(h) * recipe.clips.batch as u64;
            let pixels = done * each * recipe.clips.frames as u64;
            emit(means.event(done, rate, pixels, began.elapsed().as_secs_f64()))?;
            means = Means::default();
        }
        if done.is_multiple_of(recipe.log.evaluate) || done == recipe.schedule.steps {
            emit(look(&state)?)?;
        }
        if done.is_multiple_of(recipe.log.checkpoint) {
            state.save(folder)?;
        }
    }
    state.save(folder)?;
    Ok(state.mean)
}

/// Freezes the running mean of a run's newest checkpoint into the three files that ship:
/// `NAME.json`, `NAME.float.bpk` and `NAME.int.bin` in `out`.
///
/// # Errors
/// See [`TrainError`].
pub fn export(recipe: &TemporalRecipe, folder: &Path, out: &Path) -> Result<(), TrainError> {
    let device = Device::flex();
    let config = recipe.shape(&Frozen::read(&recipe.weights)?)?;
    let mean = checkpoint::load_mean(folder, config.init(&device))?;
    let (config, float, integer) = freeze_temporal_prior(&config, mean)?;
    fs::create_dir_all(out).map_err(|source| TrainError::Io {
        path: out.into(),
        source,
    })?;
    for (suffix, bytes) in [
        ("json", config.as_bytes()),
        ("float.bpk", &float),
        ("int.bin", &integer),
    ] {
        let path = out.join(format!("{}.{suffix}", recipe.name));
        fs::write(&path, bytes).map_err(|source| TrainError::Io { path, source })?;
    }
    Ok(())
}

/// The weights of the model whose frames are predicted. A run reads them once and has
/// them to its end.
struct Frozen(Weights<'static>);

/// A file of weights, whose name is `prefix` and `suffix`; there to the end of the run.
fn read(prefix: &Path, suffix: &str) -> Result<&'static [u8], TrainError> {
    let mut path = prefix.as_os_str().to_owned();
    path.push(".");
    path.push(suffix);
    let path = PathBuf::from(path);
    let bytes = fs::read(&path).map_err(|source| TrainError::Io { path, source })?;
    Ok(bytes.leak())
}

fn text(bytes: &'static [u8]) -> &'static str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// The temporal prior in three files.
fn temporal_weights(prefix: &Path) -> Result<TemporalWeights<'static>, TrainError> {
    Ok(TemporalWeights {
        config: text(read(prefix, "json")?),
        float: read(prefix, "float.bpk")?,
        integer: read(prefix, "int.bin")?,
    })
}

impl Frozen {
    fn read(prefix: &Path) -> Result<Self, TrainError> {
        Ok(Self(Weights {
            config: text(read(prefix, "json")?),
            float: read(prefix, "float.bpk")?,
            integer: read(prefix, "int.bin")?,
        }))
    }

    fn model(&self) -> Result<StandardModel, TrainError> {
        let (id, device) = (ModelId(1), Device::flex());
        let model = self
            .0
            .load(id, "frozen", Objective::Mse, Backend::Cpu, &device);
        Ok(model?)
    }
}

impl TemporalRecipe {
    /// The shape of the prior.
    fn shape(&self, frozen: &Frozen) -> Result<TemporalConfig, TrainError> {
        let trained_with = Some(frozen.0.digest().to_string());
        if let Some(prefix) = &self.from_weights {
            let config = temporal_weights(prefix)?.config()?;
            return Ok(TemporalConfig {
                trained_with,
                ..config
            });
        }
        if let Some(prior) = &self.prior {
            return Ok(prior.clone());
        }
        let model = frozen.0.config()?;
        Ok(TemporalConfig {
            trained_with,
            groups: model.groups,
            stream: model.mean.stream,
            head: model.mean.head,
            shape_stream: model.shape.stream,
            shape_head: model.shape.head,
        })
    }
}
