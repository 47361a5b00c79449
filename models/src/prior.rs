//! The priors: what the coder expects of every symbol.
//!
//! The prior is split in two, after JPEG AI: **means** come from float networks
//! ([`Mean`]) and only move the picture, by nothing visible, if a machine computes
//! them differently; **shapes** come from integer networks ([`Shape`]) that see
//! integers only, since they choose probabilities.

mod factorized;
mod gain;
mod groups;
mod marks;
mod mean;
mod mixture;
mod quantised;
mod regroup;
mod shape;
mod shape_file;
mod shape_int;
mod shape_layers;
#[cfg(test)]
mod shape_tests;
mod temporal;
mod temporal_file;
#[cfg(test)]
mod temporal_tests;

pub use factorized::Factorized;
pub use gain::{Gain, LEVELS, lambda, level_of, level_weights, position};
pub use groups::{Groups, GroupsConfig, Pass, Step, parity_mask};
pub(crate) use marks::{marks, residuals_before};
pub(crate) use mean::Head;
pub use mean::{Mean, MeanConfig};
pub use mixture::{MixtureConfig, Residuals, TrellisConfig, mixture_bits};
pub use quantised::straight_through;
pub(crate) use shape::gaussian_bits;
pub use shape::{Shape, ShapeConfig, ShapeStream, scale_of};
pub use shape_file::{IntFileError, IntLayer, IntWeights, freeze, parse, thaw};
pub use shape_int::{IntShape, IntStream, covered};
pub use temporal::{MOTION_PLANES, TemporalConfig, TemporalMean, TemporalPrior, TemporalShape};
pub use temporal_file::{freeze_temporal, parse_temporal, thaw_temporal};
