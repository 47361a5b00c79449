//! Everything learned in lic: the transforms, the priors, the weights that ship,
//! and their training. The only crate that sees Burn.
//!
//! A picture's way through it: [`Zoo`] finds a model by its key; the model's
//! [`analyse`](lic_codec::Model::analyse) runs [`transform::Analysis`] (`g_a`) and
//! the hyper-analysis; the codec's walk then asks [`prior`] step by step how to
//! code each symbol; [`transform::Synthesis`] (`g_s`) makes a picture of what was
//! decoded. On a CPU both transforms and the means run in our own code, [`CpuNetworks`].
//!
//! # Features
//!
//! - `image`: the crate `image` opens lic files, after `register_image_format()`.
//! - `tch`, `cuda`, `vulkan`: backends of Burn beside flex and our own kernels, which
//!   are always there.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod coding;
mod cpu;
mod device;
mod following;
#[cfg(feature = "image")]
mod image_hook;
#[cfg(test)]
mod mixture_tests;
pub mod networks;
mod noise;
pub mod prior;
pub mod profile;
mod reference;
mod refine;
mod relaxed;
mod rounding;
pub mod standard;
mod temporal_weights;
pub mod train;
pub mod transform;
mod trellis;
mod weights;
mod zoo;

pub use coding::StandardModel;
pub use cpu::{CpuNetworks, Precision, Steps};
pub use device::{Backend, BackendError};
#[cfg(feature = "image")]
pub use image_hook::{LicDecoder, register_image_format};
pub use lic_kernels::Isa;
pub use networks::{FollowingNetworks, Means, Networks};
pub use reference::Reference;
pub use temporal_weights::{TemporalWeights, freeze_temporal_prior};
pub use weights::{Weights, WeightsError, freeze};
pub use zoo::{MODELS, Row, Zoo, ZooError};

pub use burn::tensor::Device;
