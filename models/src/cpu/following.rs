//! The means of predicted frames on a CPU.

use lic_kernels::Isa;
use rayon::prelude::*;

use super::expect_length;
use super::grid::Grid;
use super::means::{CpuMeans, StreamLayers};
use crate::networks::{FollowingNetworks, Means};
use crate::prior::{GroupsConfig, Step, TemporalMean, covered};

/// A temporal prior's means, packed for this machine's CPU.
#[derive(Debug)]
pub struct CpuFollowing {
    isa: Isa,
    layers: StreamLayers<f32>,
    steps: Vec<Step>,
    channels: usize,
}

impl CpuFollowing {
    /// Packs the weights of `mean`. Fails if they are not on a device that can be read
    /// from.
    pub fn new(mean: &TemporalMean, groups: &GroupsConfig) -> Result<Self, String> {
        let layout = groups.init();
        let steps = layout.steps().to_vec();
        // A head gives a mean and a gate for each channel.
        let twice = steps.iter().map(|step| Step {
            channels: 2 * step.channels,
            ..*step
        });
        let (start, context, heads) = (&mean.start, &mean.context, &mean.heads);
        Ok(Self {
            isa: Isa::best(),
            layers: StreamLayers::new(start, context, heads, groups, twice.collect())?,
            steps,
            channels: layout.channels(),
        })
    }
}

impl FollowingNetworks for CpuFollowing {
    fn means(
        &self,
        y_ref: Vec<f32>,
        h: usize,
        w: usize,
        quality: f32,
    ) -> Result<Box<dyn Means + '_>, String> {
        let m = self.channels;
        expect_length("latents of the frame before", y_ref.len(), m * h * w)?;
        let mut known = Grid::new([h, w], m + 1, 1);
        known
            .rows_mut(0..h)
            .zip(y_ref.par_chunks_exact((w * m).max(1)))
            .for_each(|(row, y)| {
                let positions = row.chunks_exact_mut(m + 1).zip(y.chunks_exact(m));
                for (known, y) in positions {
                    known[..m].copy_from_slice(y);
                    known[m] = quality / 100.0;
                }
            });
        Ok(Box::new(FollowingMeans {
            networks: self,
            means: CpuMeans::start_from(&self.layers, self.isa, &known),
            y_ref,
            size: [h, w],
        }))
    }
}

struct FollowingMeans<'a> {
    networks: &'a CpuFollowing,
    means: CpuMeans<'a, f32>,
    y_ref: Vec<f32>,
    size: [usize; 2],
}

impl FollowingMeans<'_> {
    /// `y_ref` of a step, `[covered][channel]`.
    fn before(&self, step: &Step) -> impl Iterator<Item = &[f32]> + use<'_> {
        let ([h, w], m, step) = (self.size, self.networks.channels, *step);
        covered(step.pass, h, w)
            .map(move |position| &self.y_ref[position * m + step.first..][..step.channels])
    }

    fn step(&self, number: usize) -> Result<Step, String> {
        let steps = &self.networks.steps;
        let found = steps.get(number).copied();
        found.ok_or_else(|| format!("step {number} of {}", steps.len()))
    }
}

impl Means for FollowingMeans<'_> {
    fn head(&mut self, number: usize) -> Result<Vec<f32>, String> {
        let step = self.step(number)?;
        let both = self.means.head(number)?;
        let mut mu = Vec::with_capacity(both.len() / 2);
        let positions = both.chunks_exact(2 * step.channels);
        for (both, before) in positions.zip(self.before(&step)) {
            let (means, gates) = both.split_at(step.channels);
            for ((mean, gate), before) in means.iter().zip(gates).zip(before) {
                let gate = 1.0 / (1.0 + (-gate).exp());
                mu.push(mean + gate * (before - mean));
            }
        }
        Ok(mu)
    }

    fn update(&mut self, number: usize, y_hat: &[f32]) -> Result<(), String> {
        let step = self.step(number)?;
        let mut known = Vec::with_capacity(2 * y_hat.len());
        let positions = y_hat.chunks_exact(step.channels);
        for (y_hat, before) in positions.zip(self.before(&step)) {
            known.extend_from_slice(y_hat);
            known.extend(y_hat.iter().zip(before).map(|(y, before)| y - before));
        }
        self.means.update(number, &known)
    }
}
