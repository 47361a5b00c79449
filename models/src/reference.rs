//! The float networks on a Burn device: the reference, and the way to a GPU.

use burn::tensor::{Device, Tensor, TensorData};
use lic_codec::Area;

use crate::networks::{Means, Networks};
use crate::prior::{GroupsConfig, Step, covered, level_weights};
use crate::standard::{LATENT_STRIDE, Standard, quality_plane};

mod following;

pub use following::ReferenceFollowing;

/// A [`Standard`] model's float networks as Burn runs them.
#[derive(Debug)]
pub struct Reference {
    networks: Standard,
    groups: GroupsConfig,
    device: Device,
}

impl Reference {
    /// On the device that `networks` is on.
    pub fn new(networks: Standard, groups: GroupsConfig, device: Device) -> Self {
        Self {
            networks,
            groups,
            device,
        }
    }

    /// `[h][w][c]` as `[1, c, h, w]`.
    fn tensor(&self, values: &[f32], size: [usize; 2]) -> Tensor<4> {
        tensor(values, size, &self.device)
    }

    fn quality(&self, quality: f32, [h, w]: [usize; 2]) -> Tensor<4> {
        quality_plane(&[quality.into()], &self.device).expand([1, 1, h, w])
    }
}

/// `[h][w][c]` as `[1, c, h, w]`.
fn tensor(values: &[f32], [h, w]: [usize; 2], device: &Device) -> Tensor<4> {
    let channels = values.len() / (h * w);
    let data = TensorData::new(values.to_vec(), [1, h, w, channels]);
    Tensor::<4>::from_data(data, device).permute([0, 3, 1, 2])
}

/// What a step made known, zero elsewhere: `[h][w][c]`.
fn spread(step: &Step, values: &[f32], [h, w]: [usize; 2]) -> Vec<f32> {
    let mut known = vec![0.0f32; h * w * step.channels];
    let values = values.chunks_exact(step.channels);
    for (i, values) in covered(step.pass, h, w).zip(values) {
        known[i * step.channels..][..step.channels].copy_from_slice(values);
    }
    known
}

/// `[1, c, h, w]` as `[h][w][c]`.
fn host(x: Tensor<4>) -> Result<Vec<f32>, String> {
    let data = x.permute([0, 2, 3, 1]).try_into_data();
    let data = data.map_err(|e| format!("backend: {e:?}"))?;
    data.try_to_vec().map_err(|e| format!("backend: {e:?}"))
}

fn kept(x: Tensor<4>, keep: Area, unit: usize) -> Tensor<4> {
    let [x0, y0, w, h] = [keep.x, keep.y, keep.width, keep.height].map(|side| side as usize * unit);
    x.narrow(2, y0, h).narrow(3, x0, w)
}

impl Networks for Reference {
    fn gain(&self, quality: f32) -> Result<Vec<f32>, String> {
        let weights = level_weights(&[quality.into()], &self.device);
        host(self.networks.gain.gain(&weights))
    }

    fn inverse(&self, quality: f32) -> Result<Vec<f32>, String> {
        let weights = level_weights(&[quality.into()], &self.device);
        host(self.networks.gain.inverse(&weights))
    }

    fn g_a(&self, x: &[f32], h: usize, w: usize, keep: Area) -> Result<Vec<f32>, String> {
        let x = self.tensor(x, [h * LATENT_STRIDE, w * LATENT_STRIDE]);
        host(kept(self.networks.g_a.forward(x), keep, 1))
    }

    fn h_a(&self, y: &[f32], h: usize, w: usize, quality: f32) -> Result<Vec<f32>, String> {
        let plane = self.quality(quality, [h, w]);
        host(self.networks.h_a.forward(self.tensor(y, [h, w]), plane))
    }

    fn means(
        &self,
        z: &[f32],
        h: usize,
        w: usize,
        quality: f32,
    ) -> Result<Box<dyn Means + '_>, String> {
        let size = [h / 4, w / 4];
        let plane = self.quality(quality, size);
        Ok(Box::new(ReferenceMeans {
            reference: self,
            stream: self.networks.mean.start(self.tensor(z, size), plane),
            steps: self.groups.init().steps().to_vec(),
            h,
            w,
        }))
    }

    fn g_s(&self, y: Vec<f32>, h: usize, w: usize, keep: Area) -> Result<Vec<f32>, String> {
        let x_hat = self.networks.g_s.forward(self.tensor(&y, [h, w]));
        host(kept(x_hat, keep, LATENT_STRIDE))
    }
}

struct ReferenceMeans<'a> {
    reference: &'a Reference,
    stream: Tensor<4>,
    steps: Vec<Step>,
    h: usize,
    w: usize,
}

impl ReferenceMeans<'_> {
    fn step(&self, step: usize) -> Result<Step, String> {
        let count = self.steps.len();
        let found = self.steps.get(step).copied();
        found.ok_or_else(|| format!("step {step} of {count}"))
    }
}

impl Means for ReferenceMeans<'_> {
    fn head(&mut self, number: usize) -> Result<Vec<f32>, String> {
        let step = self.step(number)?;
        let all = host(self.reference.networks.mean.head(&self.stream, number))?;
        let at = |i: usize| all[i * step.channels..][..step.channels].iter().copied();
        Ok(covered(step.pass, self.h, self.w).flat_map(at).collect())
    }

    fn update(&mut self, number: usize, y_hat: &[f32]) -> Result<(), String> {
        let step = self.step(number)?;
        let known = spread(&step, y_hat, [self.h, self.w]);
        let known = self.reference.tensor(&known, [self.h, self.w]);
        let stream = self.stream.clone();
        self.stream = self
            .reference
            .networks
            .mean
            .update(stream, step.group, known);
        Ok(())
    }
}
