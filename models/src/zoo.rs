//! The models that ship, in one table.

use std::sync::OnceLock;

use burn::tensor::Device;
use lic_codec::{Digest, Model, ModelId, ModelSource, Null};

use crate::coding::StandardModel;
use crate::device::{Backend, BackendError};
use crate::standard::StandardConfig;

use crate::temporal_weights::TemporalWeights;
use crate::train::Objective;
use crate::weights::{Weights, WeightsError};

/// A learned model that ships.
#[derive(Debug)]
pub struct Row {
    /// Its number in files: BITSTREAM.md lists them.
    pub id: ModelId,
    /// The name people type.
    pub key: &'static str,
    /// What it was trained for.
    pub tuned_for: Objective,
    /// What it is for, in a line.
    pub about: &'static str,
    /// Its weights.
    pub weights: Weights<'static>,
    /// The file of its [`Steps`](crate::Steps), which is not a part of the model: no
    /// symbol depends on it.
    pub steps: Option<&'static [u8]>,
    /// Those of its prior for predicted frames of clips, if it has one.
    pub temporal: Option<TemporalWeights<'static>>,
}

/// The bytes of a file at an address that numbers may have: they are read where they lie.
macro_rules! include_aligned {
    ($path:literal) => {{
        #[repr(C, align(64))]
        struct Aligned<T: ?Sized>(T);
        const FILE: &Aligned<[u8]> = &Aligned(*include_bytes!($path));
        &FILE.0
    }};
}

/// All of them. Adding one is a row here and three files in `weights/`.
pub static MODELS: &[Row] = &[
    Row {
        id: ModelId(1),
        key: "mse",
        tuned_for: Objective::Mse,
        about: "photographs, least squared error (PSNR); clips",
        weights: Weights {
            config: include_str!("../weights/mse.json"),
            float: include_aligned!("../weights/mse.float.bpk"),
            integer: include_bytes!("../weights/mse.int.bin"),
        },
        steps: Some(include_bytes!("../weights/mse.steps.bin")),
        temporal: Some(TemporalWeights {
            config: include_str!("../weights/mse.temporal.json"),
            float: include_bytes!("../weights/mse.temporal.float.bpk"),
            integer: include_bytes!("../weights/mse.temporal.int.bin"),
        }),
    },
    Row {
        id: ModelId(2),
        key: "ms-ssim",
        tuned_for: Objective::MsSsim,
        about: "photographs, structure as people see it (MS-SSIM); clips",
        weights: Weights {
            config: include_str!("../weights/ms-ssim.json"),
            float: include_aligned!("../weights/ms-ssim.float.bpk"),
            integer: include_bytes!("../weights/ms-ssim.int.bin"),
        },
        steps: None,
        temporal: Some(TemporalWeights {
            config: include_str!("../weights/ms-ssim.temporal.json"),
            float: include_bytes!("../weights/ms-ssim.temporal.float.bpk"),
            integer: include_bytes!("../weights/ms-ssim.temporal.int.bin"),
        }),
    },
];

/// Why there is no such model.
#[derive(Debug, thiserror::Error)]
pub enum ZooError {
    /// No row has the key.
    #[error("no model {key:?}; there are {known}")]
    UnknownKey {
        /// The key asked for.
        key: String,
        /// Those there are.
        known: String,
    },
    /// The weights do not load.
    #[error("model {key}: {source}")]
    Weights {
        /// The key.
        key: &'static str,
        /// Why.
        source: WeightsError,
    },
}

impl Row {
    /// The shape of the model.
    pub fn config(&self) -> Result<StandardConfig, ZooError> {
        self.weights.config().map_err(|source| ZooError::Weights {
            key: self.key,
            source,
        })
    }
}

/// The models on a backend; each is loaded when it is first asked for.
#[derive(Debug)]
pub struct Zoo {
    backend: Backend,
    device: Device,
    loaded: Vec<OnceLock<StandardModel>>,
    null: Null,
}

impl Zoo {
    /// All models, none of them loaded yet.
    ///
    /// # Errors
    /// If the build or the machine lacks the backend.
    pub fn on(backend: Backend) -> Result<Self, BackendError> {
        Ok(Self {
            backend,
            device: backend.open()?,
            loaded: MODELS.iter().map(|_| OnceLock::new()).collect(),
            null: Null,
        })
    }

    /// The model with this key; `null` is model 0, which has no network.
    pub fn open(&self, key: &str) -> Result<&dyn Model, ZooError> {
        if key == self.null.key() {
            return Ok(&self.null);
        }
        let row = MODELS
            .iter()
            .position(|row| row.key == key)
            .ok_or_else(|| {
                let keys: Vec<&str> = MODELS.iter().map(|row| row.key).collect();
                ZooError::UnknownKey {
                    key: key.to_owned(),
                    known: keys.join(", ") + ", null",
                }
            })?;
        self.load(row).map(|model| model as &dyn Model)
    }

    fn load(&self, i: usize) -> Result<&StandardModel, ZooError> {
        if let Some(model) = self.loaded[i].get() {
            return Ok(model);
        }
        let row = &MODELS[i];
        let model = row
            .weights
            .load(row.id, row.key, row.tuned_for, self.backend, &self.device)
            .map_err(|source| ZooError::Weights {
                key: row.key,
                source,
            })?
            .with_temporal(row.temporal.clone());
        Ok(self.loaded[i].get_or_init(|| model))
    }
}

impl ModelSource for Zoo {
    fn find(&self, id: ModelId, digest: Digest) -> Option<&dyn Model> {
        if id == self.null.id() && digest == self.null.digest() {
            return Some(&self.null);
        }
        let i = MODELS.iter().position(|row| row.id == id)?;
        // A row's weights are embedded, and a test loads every one of them.
        let model = self.load(i).ok()?;
        (model.digest() == digest).then_some(model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Steps;

    #[test]
    fn every_row_loads_and_is_in_the_specification() {
        let zoo = Zoo::on(Backend::Cpu).unwrap();
        let spec = include_str!("../../codec/BITSTREAM.md");
        for row in MODELS {
            let model = zoo.open(row.key).unwrap();
            assert_eq!((model.id(), model.key()), (row.id, row.key));
            assert_eq!(model.digest(), row.weights.digest());
            let sections = model.sections().last().unwrap() + 1;
            let line = format!("| {} | {} | {sections} |", row.id, row.key);
            assert!(spec.contains(&line), "BITSTREAM.md has no {line:?}");
            // What may be embedded for a model.
            if let Some(steps) = row.steps {
                let networks = row.weights.thaw(&Device::flex()).unwrap();
                assert!(
                    Steps::of(&networks, row.weights.digest(), steps).is_some(),
                    "steps of {} are of other weights: run examples/calibrate.rs",
                    row.key
                );
            }
            let temporal = row.temporal.as_ref().map_or(0, TemporalWeights::len);
            // 24 MiB for the pictures of both models, and 8 for their clips.
            let pictures = row.weights.len();
            assert!(pictures <= 12 << 20, "{pictures} bytes");
            assert!(temporal <= 4 << 20, "{temporal} bytes");
            // Its prior for clips loads, and says so.
            if let Some(weights) = &row.temporal {
                let temporal = model.temporal().unwrap();
                assert_eq!(temporal.digest(), weights.digest());
                assert!(temporal.steps() > 0);
                let trained_with = weights.config().unwrap().trained_with.unwrap();
                assert_eq!(
                    trained_with,
                    model.digest().to_string(),
                    "the prior for clips of {} is of other weights: run its recipe again",
                    row.key
                );
            }
            assert!(zoo.find(row.id, model.digest()).is_some());
            assert!(
                zoo.find(row.id, Digest([!model.digest().0[0], 0, 0, 0]))
                    .is_none()
            );
        }
    }

    #[test]
    fn keys_and_ids_are_unique_and_unknown_ones_are_named() {
        for (i, row) in MODELS.iter().enumerate() {
            let before = &MODELS[..i];
            assert!(
                before
                    .iter()
                    .all(|other| other.id != row.id && other.key != row.key)
            );
        }
        let error = Zoo::on(Backend::Flex)
            .unwrap()
            .open("nothing")
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("nothing") && error.contains("mse"),
            "{error}"
        );
    }

    #[test]
    fn weights_load_wherever_they_lie() {
        let row = &MODELS[0];
        for offset in [0, 1] {
            let mut bytes = vec![0; row.weights.float.len() + 16];
            let start = bytes.as_ptr().align_offset(8) + offset;
            bytes[start..][..row.weights.float.len()].copy_from_slice(row.weights.float);
            let bytes: &'static [u8] = bytes.leak();
            let weights = Weights {
                float: &bytes[start..][..row.weights.float.len()],
                ..row.weights.clone()
            };
            let loaded = weights.load(
                row.id,
                row.key,
                row.tuned_for,
                Backend::Flex,
                &Device::flex(),
            );
            assert_eq!(loaded.unwrap().digest(), row.weights.digest(), "{offset}");
        }
    }
}
