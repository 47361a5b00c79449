//! Weights as they ship: a configuration, the float half in f16, the integer half
//! as it is.

use std::sync::OnceLock;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamGroup};
use burn::store::ModuleRecord;
use burn::tensor::{AllocationProperty, Bytes, DType, Device, Tensor};
use lic_codec::{Digest, ModelId};
use sha2::{Digest as _, Sha256};

use crate::coding::StandardModel;
use crate::cpu::CpuNetworks;
use crate::device::Backend;
use crate::networks::Networks;
use crate::prior::{self, IntFileError, IntShape};
use crate::reference::Reference;
use crate::refine::LazyRefiner;
use crate::standard::{Standard, StandardConfig};
use crate::train::Objective;

/// The three files of a model's weights.
#[derive(Debug, Clone)]
pub struct Weights<'a> {
    /// The configuration, in JSON.
    pub config: &'a str,
    /// Burnpack of the float networks, f16.
    pub float: &'a [u8],
    /// The integer file.
    pub integer: &'a [u8],
}

/// First four bytes of the SHA-256 over the three files of a set of weights, in order.
pub(crate) fn digest_of(files: [&[u8]; 3]) -> Digest {
    let mut sha = Sha256::new();
    for file in files {
        sha.update(file);
    }
    let sum = sha.finalize();
    Digest([sum[0], sum[1], sum[2], sum[3]])
}

/// Why weights cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The configuration.
    #[error("model configuration: {0}")]
    Config(String),
    /// The float half.
    #[error("float weights: {0}")]
    Float(String),
    /// The integer half.
    #[error(transparent)]
    Integer(#[from] IntFileError),
}

/// Freezes a trained model: (configuration, float file, integer file).
pub fn freeze(
    config: &StandardConfig,
    model: Standard,
) -> Result<(String, Vec<u8>, Vec<u8>), WeightsError> {
    let integer = prior::freeze(&model.shape, &model.factorized);
    let text =
        serde_json::to_string_pretty(config).map_err(|e| WeightsError::Config(e.to_string()))?;
    let record = model
        .map(&mut Cast(DType::F16))
        .into_record_group(float_half());
    let float = record
        .into_bytes()
        .map_err(|e| WeightsError::Float(e.to_string()))?;
    Ok((text + "\n", float.to_vec(), integer))
}

/// What ships as floats: everything but the shapes. (Decoders do not need the
/// distributions of the hyper-latents, whose tables are in the integer file;
/// training that goes on from shipped weights does.)
fn float_half() -> ParamGroup {
    ParamGroup::all().exclude(ParamGroup::from_predicate("shape."))
}

/// How many parameters [`float_half`] has in `model`; computes none of them.
fn float_parameters(model: &Standard) -> usize {
    let mut count = Count {
        path: Vec::new(),
        group: float_half(),
        found: 0,
    };
    model.visit(&mut count);
    count.found
}

struct Count {
    path: Vec<String>,
    group: ParamGroup,
    found: usize,
}

impl ModuleVisitor for Count {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let matches = self.group.matches(&param.id, Some(&self.path.join(".")));
        self.found += usize::from(matches);
    }
}

pub(crate) struct Cast(pub DType);

impl ModuleMapper for Cast {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        // What was not loaded stays uncomputed.
        if !param.is_initialized() {
            return param;
        }
        let dtype = self.0;
        param.map(|tensor| tensor.cast(dtype))
    }
}

impl Weights<'_> {
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

    /// The shape of the model.
    pub fn config(&self) -> Result<StandardConfig, WeightsError> {
        serde_json::from_str(self.config).map_err(|e| WeightsError::Config(e.to_string()))
    }

    /// The networks as training wants them, on a device with gradients: what was
    /// rounded for shipping stays rounded.
    pub fn thaw(&self, device: &Device) -> Result<Standard, WeightsError> {
        let config = self.config()?;
        let (ints, _) = prior::parse(self.integer, &config.shape, &config.groups)?;
        let record = self.record()?.allow_partial(true).cast_to_module_dtype();
        let mut model = config
            .init(device)
            .try_load_record(record)
            .map_err(|e| WeightsError::Float(e.to_string()))?;
        model.shape = prior::thaw(&ints, device);
        Ok(model)
    }

    fn record(&self) -> Result<ModuleRecord, WeightsError> {
        record(Bytes::from_bytes_vec(self.float.to_vec()))
    }
}

fn record(bytes: Bytes) -> Result<ModuleRecord, WeightsError> {
    ModuleRecord::from_bytes(bytes).map_err(|e| WeightsError::Float(e.to_string()))
}

/// What numbers are read in place need: the greatest alignment of theirs.
const ALIGNMENT: usize = align_of::<f64>();

impl Weights<'static> {
    /// Without a copy, unless the bytes lie where no number may.
    fn record_in_place(&self) -> Result<ModuleRecord, WeightsError> {
        if !self.float.as_ptr().addr().is_multiple_of(ALIGNMENT) {
            return self.record();
        }
        let embedded = bytes::Bytes::from_static(self.float);
        record(Bytes::from_shared(embedded, AllocationProperty::Other))
    }

    /// The model, ready to code on `backend`, whose device is `device`; `tuned_for` is
    /// what an encoder with effort works for.
    pub fn load(
        &self,
        id: ModelId,
        key: &'static str,
        tuned_for: Objective,
        backend: Backend,
        device: &Device,
    ) -> Result<StandardModel, WeightsError> {
        let config = self.config()?;
        let (ints, z_tables) = prior::parse(self.integer, &config.shape, &config.groups)?;
        let record = self.record_in_place()?;
        let empty = config.init(device);
        let expected = float_parameters(&empty);
        if record.len() != expected {
            let found = record.len();
            return Err(WeightsError::Float(format!(
                "{found} tensors, {expected} expected"
            )));
        }
        // Partial, since the shapes are not in it; the count above has made sure
        // that nothing else is missing.
        let networks = empty
            .try_load_record(record.allow_partial(true))
            .map_err(|e| WeightsError::Float(e.to_string()))?;
        let networks: Box<dyn Networks> = if backend == Backend::Cpu {
            // Converts what it packs, when it packs it.
            let packed = CpuNetworks::new(&networks).map_err(WeightsError::Float)?;
            Box::new(packed)
        } else {
            let groups = config.groups.clone();
            let networks = networks.map(&mut Cast(DType::F32));
            Box::new(Reference::new(networks, groups, device.clone()))
        };
        Ok(StandardModel {
            id,
            key,
            tuned_for,
            digest: self.digest(),
            networks,
            shape: IntShape::new(&ints, &config.groups),
            z_tables,
            z_channels: config.shape.z,
            groups: config.groups.init(),
            margin: config.margin() as u32,
            refiner: LazyRefiner::new(self.clone(), tuned_for, device),
            temporal: None,
            following: OnceLock::new(),
            backend,
            device: device.clone(),
        })
    }
}
