//! The means of predicted frames on a Burn device.

use burn::tensor::{Device, Tensor};

use super::{host, spread, tensor};
use crate::networks::{FollowingNetworks, Means};
use crate::prior::{GroupsConfig, Step, TemporalMean, covered, parity_mask};
use crate::standard::quality_plane;

/// A temporal prior's means as Burn runs them.
#[derive(Debug)]
pub struct ReferenceFollowing {
    mean: TemporalMean,
    groups: GroupsConfig,
    device: Device,
}

impl ReferenceFollowing {
    /// On the device that `mean` is on.
    pub fn new(mean: TemporalMean, groups: GroupsConfig, device: Device) -> Self {
        Self {
            mean,
            groups,
            device,
        }
    }
}

impl FollowingNetworks for ReferenceFollowing {
    fn means(
        &self,
        y_ref: Vec<f32>,
        h: usize,
        w: usize,
        quality: f32,
    ) -> Result<Box<dyn Means + '_>, String> {
        let y_ref = tensor(&y_ref, [h, w], &self.device);
        let quality = quality_plane(&[quality.into()], &self.device).expand([1, 1, h, w]);
        Ok(Box::new(FollowingMeans {
            reference: self,
            stream: self.mean.start(y_ref.clone(), quality),
            y_ref,
            steps: self.groups.init().steps().to_vec(),
            size: [h, w],
        }))
    }
}

struct FollowingMeans<'a> {
    reference: &'a ReferenceFollowing,
    stream: Tensor<4>,
    y_ref: Tensor<4>,
    steps: Vec<Step>,
    size: [usize; 2],
}

impl FollowingMeans<'_> {
    fn step(&self, number: usize) -> Result<(Step, Tensor<4>), String> {
        let step = self.steps.get(number).copied();
        let step = step.ok_or_else(|| format!("step {number} of {}", self.steps.len()))?;
        Ok((
            step,
            self.y_ref.clone().narrow(1, step.first, step.channels),
        ))
    }
}

impl Means for FollowingMeans<'_> {
    fn head(&mut self, number: usize) -> Result<Vec<f32>, String> {
        let (step, y_ref) = self.step(number)?;
        let all = host(self.reference.mean.head(&self.stream, number, y_ref))?;
        let at = |i: usize| all[i * step.channels..][..step.channels].iter().copied();
        let [h, w] = self.size;
        Ok(covered(step.pass, h, w).flat_map(at).collect())
    }

    fn update(&mut self, number: usize, y_hat: &[f32]) -> Result<(), String> {
        let (step, y_ref) = self.step(number)?;
        let [h, w] = self.size;
        let device = &self.reference.device;
        let known = tensor(&spread(&step, y_hat, self.size), self.size, device);
        let y_ref = y_ref * parity_mask(step.pass, h, w, device);
        let stream = self.stream.clone();
        let mean = &self.reference.mean;
        self.stream = mean.update(stream, step.group, known, y_ref);
        Ok(())
    }
}
