//! The weights of a temporal prior as they ship: like those of a model, three files.

use burn::module::Module;
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, DType, Device};
use lic_codec::Digest;

use crate::coding::StandardModel;
use crate::cpu::CpuFollowing;
use crate::device::Backend;
use crate::following::Following;
use crate::networks::FollowingNetworks;
use crate::prior::{
    IntShape, TemporalConfig, TemporalPrior, freeze_temporal, parse_temporal, thaw_temporal,
};
use crate::reference::ReferenceFollowing;
use crate::weights::{Cast, WeightsError, digest_of};

/// The three files of a temporal prior's weights.
#[derive(Debug, Clone)]
pub struct TemporalWeights<'a> {
    /// The configuration, in JSON.
    pub config: &'a str,
    /// Burnpack of the means' networks, f16.
    pub float: &'a [u8],
    /// The integer file.
    pub integer: &'a [u8],
}

/// Freezes a trained prior: (configuration, float file, integer file).
///
/// # Errors
/// If the networks cannot be written.
pub fn freeze_temporal_prior(
    config: &TemporalConfig,
    prior: TemporalPrior,
) -> Result<(String, Vec<u8>, Vec<u8>), WeightsError> {
    let integer = freeze_temporal(&prior.shape);
    let text =
        serde_json::to_string_pretty(config).map_err(|e| WeightsError::Config(e.to_string()))?;
    let float = prior
        .mean
        .map(&mut Cast(DType::F16))
        .into_record()
        .into_bytes()
        .map_err(|e| WeightsError::Float(e.to_string()))?;
    Ok((text + "\n", float.to_vec(), integer))
}

impl TemporalWeights<'_> {
    /// First four bytes of the SHA-256 over the three files, in order.
    pub fn digest(&self) -> Digest {
        digest_of([self.config.as_bytes(), self.float, self.integer])
    }

    /// Bytes of the three files.
    pub fn len(&self) -> usize {
        self.config.len() + self.float.len() + self.integer.len()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The shape of the prior.
    ///
    /// # Errors
    /// If the configuration is not one.
    pub fn config(&self) -> Result<TemporalConfig, WeightsError> {
        serde_json::from_str(self.config).map_err(|e| WeightsError::Config(e.to_string()))
    }

    /// The networks on `device`: what was rounded for shipping stays rounded.
    ///
    /// # Errors
    /// If the files are not those of a prior.
    pub fn thaw(&self, device: &Device) -> Result<TemporalPrior, WeightsError> {
        let config = self.config()?;
        let ints = parse_temporal(self.integer, &config)?;
        let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(self.float.to_vec()))
            .map_err(|e| WeightsError::Float(e.to_string()))?
            .cast_to_module_dtype();
        let prior = config.init(device);
        let mean = prior
            .mean
            .try_load_record(record)
            .map_err(|e| WeightsError::Float(e.to_string()))?;
        Ok(TemporalPrior {
            mean,
            shape: thaw_temporal(&ints, device),
        })
    }

    /// The prior, ready to code on `backend`, whose device is `device`.
    pub(crate) fn load(
        &self,
        backend: Backend,
        device: &Device,
    ) -> Result<Following, WeightsError> {
        let config = self.config()?;
        let ints = parse_temporal(self.integer, &config)?;
        let mean = self.thaw(device)?.mean;
        let networks: Box<dyn FollowingNetworks> = if backend == Backend::Cpu {
            let packed = CpuFollowing::new(&mean, &config.groups);
            Box::new(packed.map_err(WeightsError::Float)?)
        } else {
            let groups = config.groups.clone();
            Box::new(ReferenceFollowing::new(mean, groups, device.clone()))
        };
        Ok(Following {
            networks,
            shape: IntShape::new(&ints, &config.groups),
            groups: config.groups.init(),
        })
    }
}

impl StandardModel {
    /// With a prior for predicted frames, or without one.
    pub fn with_temporal(self, temporal: Option<TemporalWeights<'static>>) -> Self {
        Self { temporal, ..self }
    }
}
