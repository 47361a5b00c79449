//! The samples of a run: crops that move over pictures, and parts of videos.

use std::fs;
use std::path::Path;

use lic_datasets::ImageFolder;
use lic_datasets::video::{VideoError, VideoReader, Y4mReader};

use super::moving::{Size, moving};
use super::record::{Sample, record};
use super::{Frozen, TemporalRecipe};
use crate::standard::Noise;
use crate::temporal_weights::TemporalWeights;
use crate::train::TrainError;

/// All samples of a run: those to train on, and those held aside.
pub(super) fn samples(
    recipe: &TemporalRecipe,
    frozen: &Frozen,
    through: Option<TemporalWeights<'static>>,
    stop: &dyn Fn() -> bool,
) -> Result<(Vec<Sample>, Vec<Sample>), TrainError> {
    let clips = &recipe.clips;
    let model = frozen.model()?.with_temporal(through);
    let pictures = ImageFolder::open(&clips.pictures)?.load_all()?;
    let size = Size {
        width: clips.size.0,
        height: clips.size.1,
        frames: clips.frames + 1,
    };
    let mut noise = Noise::new(recipe.seed);
    let mut samples = Vec::new();
    for _ in 0..clips.moving {
        if stop() {
            break;
        }
        let frames = moving(&pictures, size, &mut noise);
        samples.extend(record(&model, &frames, size, &mut noise)?);
    }
    for path in &clips.videos {
        let count = clips.real / clips.videos.len().max(1);
        for frames in real(path, size, count, &mut noise)? {
            if stop() {
                break;
            }
            samples.extend(record(&model, &frames, size, &mut noise)?);
        }
    }
    let (mut train, mut held) = (Vec::new(), Vec::new());
    for (i, sample) in samples.into_iter().enumerate() {
        if i % clips.held_every == 0 {
            held.push(sample);
        } else {
            train.push(sample);
        }
    }
    Ok((train, held))
}

/// Crops of a video, each some frames at a place and a time: RGB of 16 bits.
fn real(
    path: &Path,
    size: Size,
    count: usize,
    noise: &mut Noise,
) -> Result<Vec<Vec<Vec<u16>>>, TrainError> {
    let fault = |source: VideoError| TrainError::Video {
        path: path.into(),
        reason: source.to_string(),
    };
    let file = fs::File::open(path).map_err(|source| TrainError::Io {
        path: path.into(),
        source,
    })?;
    let mut reader = Y4mReader::new(std::io::BufReader::new(file), None).map_err(fault)?;
    let format = *reader.format();
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame().map_err(fault)? {
        frames.push(format.to_rgb(&frame));
    }
    let channels = format.channels();
    let fits = format.width >= size.width && format.height >= size.height;
    if !fits || frames.len() < size.frames || channels != 3 {
        return Err(TrainError::Video {
            path: path.into(),
            reason: format!(
                "{} colour frames of {}x{} are too few or too small for {} of {}x{}",
                frames.len(),
                format.width,
                format.height,
                size.frames,
                size.width,
                size.height
            ),
        });
    }
    let mut below = |limit: u32| (noise.next_u64() % u64::from(limit.max(1))) as usize;
    let crops = (0..count).map(|_| {
        // One frame in three is left out of some, which then move as much as two do.
        let stride = 1 + below(2).min((frames.len() - 1) / size.frames);
        let first = below((frames.len() - stride * (size.frames - 1)) as u32);
        let x = below(format.width - size.width + 1);
        let y = below(format.height - size.height + 1);
        (0..size.frames)
            .map(|t| {
                let frame = &frames[first + t * stride];
                let row = format.width as usize * 3;
                (y..y + size.height as usize)
                    .flat_map(|y| &frame[y * row + x * 3..][..size.width as usize * 3])
                    .copied()
                    .collect()
            })
            .collect()
    });
    Ok(crops.collect())
}
