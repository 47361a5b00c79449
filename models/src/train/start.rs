//! What a run begins with: its checkpoint, another run's, weights that ship, or the KLT.

use std::fs;
use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use lic_datasets::{CropError, CropSampler};

use super::checkpoint::{self, State};
use super::evaluate::pictures;
use super::optimise::adam;
use super::run::TrainError;
use super::{Recipe, Start};
use crate::prior::MixtureConfig;
use crate::standard::{Standard, StandardConfig};
use crate::transform::Klt;
use crate::weights::Weights;

/// The newest checkpoint, or a start from the KLT of the pictures.
pub(super) fn open(
    recipe: &Recipe,
    folder: &Path,
    sampler: &CropSampler,
    device: &Device,
) -> Result<State, TrainError> {
    let own = checkpoint::newest(folder);
    let from = match &recipe.from_run {
        _ if own.exists() => Some(own),
        Some(run) => Some(checkpoint::newest(run)),
        None => None,
    };
    let fresh = |model: Standard| State {
        mean: model.valid(),
        model: match recipe.frozen() {
            Some(frozen) => model.set_require_grad_group(frozen, false),
            None => model,
        },
        optimiser: adam(),
        step: 0,
        pixels: 0,
        overflowed: 0,
    };
    if let Some(from) = from {
        return Ok(checkpoint::load(&from, fresh(recipe.model.init(device)))?);
    }
    if let Some(prefix) = &recipe.from_weights {
        return Ok(fresh(shipped(prefix, &recipe.model, device)?));
    }
    device.seed(recipe.seed);
    if recipe.start == Start::Random {
        return Ok(fresh(recipe.model.init(device)));
    }
    let klt = start_klt(recipe, sampler, &device.clone().inner())?;
    let klt = match recipe.start {
        Start::ShuffledKlt => klt.shuffled(),
        _ => klt,
    };
    Ok(fresh(recipe.model.start_from(&klt, device)))
}

/// Weights that ship, for training on as `wanted`: as they are, with more blocks in `g_a`
/// and `g_s`,
/// with groups in other passes, with other mixtures or none, or on another trellis.
fn shipped(
    prefix: &Path,
    wanted: &StandardConfig,
    device: &Device,
) -> Result<Standard, TrainError> {
    let read = |suffix: &str| {
        let path = prefix.with_extension(suffix);
        fs::read(&path).map_err(|source| TrainError::Io { path, source })
    };
    let config = String::from_utf8_lossy(&read("json")?).into_owned();
    let weights = Weights {
        config: &config,
        float: &read("float.bpk")?,
        integer: &read("int.bin")?,
    };
    let found = weights.config()?;
    check_fit(prefix, &found, wanted)?;
    let mut model = weights.thaw(device)?;
    model.g_a = model.g_a.grown(wanted.analysis.init(device));
    model.g_s = model.g_s.grown(wanted.synthesis.init(device));
    if found.groups != wanted.groups {
        let steps = wanted.groups.steps_of(&found.groups);
        model.mean = model.mean.with_heads_of(&steps);
        model.shape = model.shape.with_heads_of(&steps);
        model.groups = wanted.groups.clone();
    }
    let without_trellis = |config: &StandardConfig| {
        let mixture = config.shape.mixture.clone();
        mixture.map(|mixture| MixtureConfig {
            trellis: None,
            ..mixture
        })
    };
    if without_trellis(&found) != without_trellis(wanted) {
        let (shape, groups) = (&wanted.shape, &wanted.groups);
        model.shape = shape.with_mixtures(model.shape, groups, device);
    }
    model.shape = model.shape.with_trellis_of(wanted.shape.mixture.clone());
    Ok(model)
}

/// Fails unless `found` and `wanted` differ in nothing but what [`shipped`] can change.
fn check_fit(
    prefix: &Path,
    found: &StandardConfig,
    wanted: &StandardConfig,
) -> Result<(), TrainError> {
    let mut as_wanted = found.clone();
    let (own, larger) = (&mut as_wanted.analysis, &wanted.analysis);
    own.fine_blocks = own.fine_blocks.max(larger.fine_blocks);
    own.coarse_blocks = own.coarse_blocks.max(larger.coarse_blocks);
    let (own, larger) = (&mut as_wanted.synthesis, &wanted.synthesis);
    own.coarse_blocks = own.coarse_blocks.max(larger.coarse_blocks);
    own.fine_blocks = own.fine_blocks.max(larger.fine_blocks);
    as_wanted.groups.quartered = wanted.groups.quartered;
    as_wanted.groups.anchored = wanted.groups.anchored;
    as_wanted.shape.mixture.clone_from(&wanted.shape.mixture);
    let (found, wanted) = (format!("{as_wanted:?}"), format!("{wanted:?}"));
    if found == wanted {
        return Ok(());
    }
    Err(TrainError::Unfit {
        path: prefix.into(),
        found,
        wanted,
    })
}

/// Crops for the KLT: 64 batches of 8, away from the steps of the run.
fn start_klt(recipe: &Recipe, sampler: &CropSampler, device: &Device) -> Result<Klt, TrainError> {
    let size = 128;
    let crops = (0..64)
        .map(|i| {
            Ok(pictures(
                &sampler.batch(u64::MAX - i, 8, size)?,
                8,
                size as usize,
                device,
            ))
        })
        .collect::<Result<Vec<_>, CropError>>()?;
    let (n, m) = (
        recipe.model.analysis.fine.width,
        recipe.model.groups.channels(),
    );
    Ok(Klt::from_pictures(&crops, n, m)?)
}
