//! The standard model as the codec sees it: pictures to symbols and back.

use burn::tensor::{Device, Tensor, TensorData};
use lic_codec::{Channels, Digest, Image, Latents, Model, ModelError, ModelId, Plan, Quality};
use lic_entropy::{Tables, gaussian};

use crate::prior::{
    Groups, IntShape, IntStream, Pass, Step, covered, level_of, level_weights, parity_mask,
};
use crate::standard::{LATENT_STRIDE, STRIDE, Standard, quality_plane};

/// Bytes of memory for each pixel while a picture is coded: at the widest place
/// the analysis holds its input, its output and the columns of a 3x3 convolution
/// of 48 channels at 1/8.
const BYTES_PER_PIXEL: u64 = 96;
/// Bytes that do not depend on the picture: the weights and what Burn keeps.
const BYTES_FIXED: u64 = 128 << 20;

/// A trained [`Standard`] model on a device, with its shapes in integers.
#[derive(Debug)]
pub struct StandardModel {
    pub(crate) id: ModelId,
    pub(crate) key: &'static str,
    pub(crate) digest: Digest,
    pub(crate) networks: Standard,
    pub(crate) shape: IntShape,
    /// Tables of the hyper-latents, `level · channels + channel`.
    pub(crate) z_tables: Tables,
    pub(crate) z_channels: usize,
    pub(crate) groups: Groups,
    pub(crate) device: Device,
}

impl StandardModel {
    fn fault(&self, reason: impl Into<String>) -> ModelError {
        ModelError {
            key: self.key.to_owned(),
            reason: reason.into(),
        }
    }

    fn coding(&self, width: u32, height: u32, quality: Quality) -> Coding<'_> {
        let padded = |side: u32| (side as usize).next_multiple_of(STRIDE);
        let weights = level_weights(&[f64::from(quality.get())], &self.device);
        Coding {
            model: self,
            width: width as usize,
            height: height as usize,
            h: padded(height) / LATENT_STRIDE,
            w: padded(width) / LATENT_STRIDE,
            quality: quality.get(),
            gain: self.networks.gain.gain(&weights),
            inverse: self.networks.gain.inverse(&weights),
            source: None,
            known: None,
            mu: None,
            y_hat: Vec::new(),
        }
    }
}

impl Model for StandardModel {
    fn id(&self) -> ModelId {
        self.id
    }

    fn key(&self) -> &str {
        self.key
    }

    fn digest(&self) -> Digest {
        self.digest
    }

    fn sections(&self) -> &[usize] {
        self.groups.sections()
    }

    fn memory(&self, width: u32, height: u32) -> u64 {
        let padded = |side: u32| u64::from(side).next_multiple_of(STRIDE as u64);
        padded(width)
            .saturating_mul(padded(height))
            .saturating_mul(BYTES_PER_PIXEL)
            .saturating_add(BYTES_FIXED)
    }

    fn analyse(
        &self,
        image: &Image,
        quality: Quality,
    ) -> Result<Box<dyn Latents + '_>, ModelError> {
        let mut coding = self.coding(image.width(), image.height(), quality);
        let x = pixels(
            image,
            [coding.h * LATENT_STRIDE, coding.w * LATENT_STRIDE],
            &self.device,
        );
        let y = self.networks.g_a.forward(x) * coding.gain.clone();
        let plane = coding.quality_plane(coding.h, coding.w);
        let z = self.networks.h_a.forward(y.clone(), plane).round();
        let z = whole(host(z).map_err(|e| self.fault(e))?);
        coding.source = Some(Source { y, z });
        Ok(Box::new(coding))
    }

    fn prepare(
        &self,
        width: u32,
        height: u32,
        quality: Quality,
    ) -> Result<Box<dyn Latents + '_>, ModelError> {
        Ok(Box::new(self.coding(width, height, quality)))
    }
}

/// A picture between its steps.
struct Coding<'a> {
    model: &'a StandardModel,
    width: usize,
    height: usize,
    /// Size of the latents.
    h: usize,
    w: usize,
    quality: u8,
    gain: Tensor<4>,
    inverse: Tensor<4>,
    /// Encoder only.
    source: Option<Source>,
    /// From step 1 on.
    known: Option<Known>,
    /// Means of the step that is being coded.
    mu: Option<Tensor<4>>,
    /// `y_hat` of each group, gain still on.
    y_hat: Vec<Tensor<4>>,
}

/// What the encoder codes.
struct Source {
    /// Latents with gain, `[1, m, h, w]`.
    y: Tensor<4>,
    /// Hyper-latents, `[channel][h/4·w/4]`.
    z: Vec<i32>,
}

/// The two streams of what is known: floats for the means, integers for the
/// shapes.
struct Known {
    means: Tensor<4>,
    shapes: IntStream,
}

impl Coding<'_> {
    fn quality_plane(&self, h: usize, w: usize) -> Tensor<4> {
        quality_plane(&[f64::from(self.quality)], &self.model.device).expand([1, 1, h, w])
    }

    fn step(&self, number: usize) -> Result<Step, ModelError> {
        let steps = self.model.groups.steps();
        number
            .checked_sub(1)
            .and_then(|i| steps.get(i).copied())
            .ok_or_else(|| {
                self.model
                    .fault(format!("step {number} of {}", steps.len()))
            })
    }

    fn known(&self) -> Result<&Known, ModelError> {
        self.known
            .as_ref()
            .ok_or_else(|| self.model.fault("steps came out of order"))
    }

    fn source(&self) -> Result<&Source, ModelError> {
        self.source
            .as_ref()
            .ok_or_else(|| self.model.fault("a decoder has no symbols"))
    }

    /// Means of step `number` (gain on), computed once.
    fn means(&mut self, number: usize, step: Step) -> Result<Tensor<4>, ModelError> {
        if let Some(mu) = &self.mu {
            return Ok(mu.clone());
        }
        let gain = self.gain.clone().narrow(1, step.first, step.channels);
        let mu = self
            .model
            .networks
            .mean
            .head(&self.known()?.means, number - 1)
            * gain;
        self.mu = Some(mu.clone());
        Ok(mu)
    }

    /// Step 0: the hyper-latents are known.
    fn accept_z(&mut self, z: &[i32]) {
        let (h, w) = (self.h / 4, self.w / 4);
        let values: Vec<f32> = z.iter().map(|&v| v as f32).collect();
        let data = TensorData::new(values, [1, self.model.z_channels, h, w]);
        let z_hat = Tensor::from_data(data, &self.model.device);
        let networks = &self.model.networks;
        self.known = Some(Known {
            means: networks.mean.start(z_hat, self.quality_plane(h, w)),
            shapes: self.model.shape.start(z, self.h, self.w, self.quality),
        });
    }

    /// Residuals `[channel][covered]` as a tensor `[1, channels, h, w]`, zero where
    /// the pass does not reach.
    fn spread(&self, step: Step, r: &[i32]) -> Tensor<4> {
        let area = self.h * self.w;
        let positions: Vec<usize> = covered(step.pass, self.h, self.w).collect();
        let mut values = vec![0.0f32; step.channels * area];
        for (plane, r) in values
            .chunks_exact_mut(area)
            .zip(r.chunks_exact(positions.len()))
        {
            for (&position, &value) in positions.iter().zip(r) {
                plane[position] = value as f32;
            }
        }
        let data = TensorData::new(values, [1, step.channels, self.h, self.w]);
        Tensor::from_data(data, &self.model.device)
    }
}

impl Latents for Coding<'_> {
    fn plan(&mut self, step: usize) -> Result<Plan<'_>, ModelError> {
        if step == 0 {
            let area = self.h / 4 * (self.w / 4);
            let channels = self.model.z_channels;
            let first = level_of(self.quality) * channels;
            let indices =
                (first..first + channels).flat_map(|i| std::iter::repeat_n(i as u16, area));
            return Ok(Plan {
                tables: &self.model.z_tables,
                indices: indices.collect(),
            });
        }
        let indices = self.model.shape.indices(&self.known()?.shapes, step - 1);
        Ok(Plan {
            tables: gaussian(),
            indices,
        })
    }

    fn symbols(&mut self, number: usize) -> Result<Vec<i32>, ModelError> {
        if number == 0 {
            return Ok(self.source()?.z.clone());
        }
        let step = self.step(number)?;
        let mu = self.means(number, step)?;
        let y = self
            .source()?
            .y
            .clone()
            .narrow(1, step.first, step.channels);
        let r = host((y - mu).round()).map_err(|e| self.model.fault(e))?;
        let positions: Vec<usize> = covered(step.pass, self.h, self.w).collect();
        let planes = r.chunks_exact(self.h * self.w);
        Ok(whole(
            planes
                .flat_map(|plane| positions.iter().map(|&i| plane[i]))
                .collect(),
        ))
    }

    fn accept(&mut self, number: usize, symbols: &[i32]) -> Result<(), ModelError> {
        if number == 0 {
            self.accept_z(symbols);
            return Ok(());
        }
        let step = self.step(number)?;
        let mu = self.means(number, step)?;
        self.mu = None;
        let mut y_hat = self.spread(step, symbols) + mu;
        if step.pass != Pass::Whole {
            y_hat = y_hat * parity_mask(step.pass, self.h, self.w, &self.model.device);
        }
        // Nobody reads the streams after the last step.
        if number < self.model.groups.steps().len() {
            let gain = self.gain.clone().narrow(1, step.first, step.channels);
            let model = self.model;
            let known = self
                .known
                .as_mut()
                .ok_or_else(|| model.fault("steps out of order"))?;
            let means = known.means.clone();
            known.means = model
                .networks
                .mean
                .update(means, step.group, y_hat.clone() / gain);
            model.shape.update(&mut known.shapes, number - 1, symbols);
        }
        match self.y_hat.get_mut(step.group) {
            Some(other_half) => *other_half = other_half.clone() + y_hat,
            None => self.y_hat.push(y_hat),
        }
        Ok(())
    }

    fn synthesise(self: Box<Self>) -> Result<Image, ModelError> {
        let y_hat = Tensor::cat(self.y_hat, 1) * self.inverse;
        let x_hat = self.model.networks.g_s.forward(y_hat);
        let x_hat = x_hat.narrow(2, 0, self.height).narrow(3, 0, self.width);
        let x_hat = (x_hat * 255.0)
            .round()
            .clamp(0.0, 255.0)
            .permute([0, 2, 3, 1]);
        let values = host(x_hat).map_err(|e| self.model.fault(e))?;
        let samples = values.into_iter().map(|v| v as u8).collect();
        Image::new(
            self.width as u32,
            self.height as u32,
            Channels::Rgb,
            samples,
        )
        .map_err(|e| self.model.fault(e.to_string()))
    }
}

/// An RGB picture as `[1, 3, h, w]` in 0..=1, its last row and column repeated up
/// to the size asked for.
fn pixels(image: &Image, [h, w]: [usize; 2], device: &Device) -> Tensor<4> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let samples = image.samples();
    let mut values = vec![0.0f32; 3 * h * w];
    for (c, plane) in values.chunks_exact_mut(h * w).enumerate() {
        for (y, row) in plane.chunks_exact_mut(w).enumerate() {
            let from = &samples[y.min(height - 1) * width * 3..][..width * 3];
            for (x, value) in row.iter_mut().enumerate() {
                *value = f32::from(from[x.min(width - 1) * 3 + c]) / 255.0;
            }
        }
    }
    Tensor::from_data(TensorData::new(values, [1, 3, h, w]), device)
}

fn host(x: Tensor<4>) -> Result<Vec<f32>, String> {
    let data = x.try_into_data().map_err(|e| format!("backend: {e:?}"))?;
    data.try_to_vec().map_err(|e| format!("backend: {e:?}"))
}

/// Rounded floats as integers. Saturates: a picture cannot make latents near
/// 2^31, and a NaN of broken weights becomes 0 rather than a wrong table.
fn whole(values: Vec<f32>) -> Vec<i32> {
    values.into_iter().map(|v| v as i32).collect()
}
