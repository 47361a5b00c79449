//! What a step does with latents, means and residuals, in a picture and in a predicted
//! frame alike.

use rayon::prelude::*;

use crate::prior::{Step, covered};
use crate::profile::{Other, Part, Work, timed};

/// Positions whose symbols, which lie by channels, are taken together with latents and
/// means, which lie by positions: a cache line of symbols. Also, so many channels.
const RUN: usize = 16;

/// Positions that a thread takes at a time.
const SHARE: usize = 16 * RUN;

/// Multiplies each channel, which lie together, by its gain.
pub(crate) fn scale(values: &mut [f32], gain: &[f32]) {
    let bytes = 2 * size_of_val(values);
    let work = || Work::moved(bytes);
    timed(Part::Other(Other::Gain), work, || {
        let channels = gain.len().max(1);
        values.par_chunks_mut(SHARE * channels).for_each(|values| {
            for position in values.chunks_exact_mut(channels) {
                for (value, gain) in position.iter_mut().zip(gain) {
                    *value *= gain;
                }
            }
        });
    });
}

/// `[position][channel]` as `[channel][position]`.
pub(crate) fn by_planes<T: Copy + Default + Send + Sync>(values: &[T], channels: usize) -> Vec<T> {
    let count = values.len() / channels.max(1);
    let mut planes = vec![T::default(); values.len()];
    planes
        .par_chunks_mut((RUN * count).max(1))
        .enumerate()
        .for_each(|(block, planes)| {
            let (first, width) = (block * RUN, planes.len() / count);
            for (i, position) in values.chunks_exact(channels).enumerate() {
                let values = position[first..][..width].iter().enumerate();
                values.for_each(|(c, value)| planes[c * count + i] = *value);
            }
        });
    planes
}

/// Symbols of a step, `[channel][position covered]`: `round(i, residual)` is the one
/// number `i`. `y`: latents with gain, `[h][w][m]`; `mu`: means of the step with gain,
/// `[position covered][channel]`.
pub(crate) fn residuals(
    step: Step,
    [h, w]: [usize; 2],
    y: &[f32],
    mu: &[f32],
    round: impl Fn(usize, f32) -> i32 + Sync,
) -> Vec<i32> {
    let m = y.len() / (h * w).max(1);
    let count = mu.len() / step.channels.max(1);
    let positions: Vec<usize> = covered(step.pass, h, w).collect();
    let mut symbols = vec![0; mu.len()];
    symbols
        .par_chunks_mut((RUN * count).max(1))
        .enumerate()
        .for_each(|(block, symbols)| {
            for (first, positions) in (0..).step_by(RUN).zip(positions.chunks(RUN)) {
                for (c, plane) in symbols.chunks_exact_mut(count).enumerate() {
                    let c = block * RUN + c;
                    let out = plane[first..][..positions.len()].iter_mut();
                    for (i, (symbol, position)) in (first..).zip(out.zip(positions)) {
                        let mean = mu[i * step.channels + c];
                        *symbol = round(c * count + i, y[position * m + step.first + c] - mean);
                    }
                }
            }
        });
    symbols
}

/// What means are off by: residuals of a step before they are rounded, `[position
/// covered][channel]`; of `y` and `mu` as [`residuals`].
pub(crate) fn errors(step: Step, [h, w]: [usize; 2], y: &[f32], mu: &[f32]) -> Vec<f32> {
    let m = y.len() / (h * w).max(1);
    let positions: Vec<usize> = covered(step.pass, h, w).collect();
    let mut errors = vec![0.0; mu.len()];
    errors
        .par_chunks_mut(SHARE * step.channels)
        .zip(mu.par_chunks(SHARE * step.channels))
        .zip(positions.par_chunks(SHARE))
        .for_each(|((errors, mu), positions)| {
            let errors = errors.chunks_exact_mut(step.channels);
            let mu = mu.chunks_exact(step.channels);
            for ((errors, mu), position) in errors.zip(mu).zip(positions) {
                let y = &y[position * m + step.first..];
                for ((error, mean), y) in errors.iter_mut().zip(mu).zip(y) {
                    *error = y - mean;
                }
            }
        });
    errors
}

/// Latents `r + mu` of a step, into `y_hat` `[h][w][m]`, gain on. `r(i)` is the residual
/// number `i` in coding order; `known` are the means, and then the latents without gain,
/// as the means' networks want them: `[position covered][channel]`.
pub(crate) fn reconstruct(
    step: Step,
    [h, w]: [usize; 2],
    gain: &[f32],
    r: impl Fn(usize) -> f32 + Sync,
    known: &mut [f32],
    mut y_hat: &mut [f32],
) {
    let m = gain.len();
    let count = known.len() / step.channels.max(1);
    let gain = &gain[step.first..][..step.channels];
    let inverse: Vec<f32> = gain.iter().map(|gain| 1.0 / gain).collect();
    let positions: Vec<usize> = covered(step.pass, h, w).collect();
    let mut shares = Vec::new();
    let mut begun = 0;
    for (number, positions) in positions.chunks(SHARE).enumerate() {
        // Positions rise, so each share has latents of its own.
        let end = positions.last().map_or(begun, |last| last + 1);
        let (latents, rest) = y_hat.split_at_mut((end - begun) * m);
        shares.push((number * SHARE, positions, begun, latents));
        (y_hat, begun) = (rest, end);
    }
    known
        .par_chunks_mut(SHARE * step.channels)
        .zip(shares)
        .for_each(|(known, (first, positions, begun, y_hat))| {
            // By channels for the symbols, by positions for the latents.
            let mut run = vec![0.0; RUN * step.channels];
            let known = known.chunks_mut(RUN * step.channels);
            let firsts = (first..).step_by(RUN);
            for ((first, positions), known) in firsts.zip(positions.chunks(RUN)).zip(known) {
                for c in 0..step.channels {
                    for i in 0..positions.len() {
                        run[i * step.channels + c] = r(c * count + first + i);
                    }
                }
                let known = known.chunks_exact_mut(step.channels);
                let run = run.chunks_exact(step.channels);
                for ((position, known), run) in positions.iter().zip(known).zip(run) {
                    let y_hat = &mut y_hat[(position - begun) * m + step.first..][..step.channels];
                    let known = known.iter_mut().zip(run).zip(&inverse);
                    for (y_hat, ((known, r), inverse)) in y_hat.iter_mut().zip(known) {
                        *y_hat = r + *known;
                        *known = *y_hat * inverse;
                    }
                }
            }
        });
}
