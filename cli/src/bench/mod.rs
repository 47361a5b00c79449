//! Comparing with other codecs: their published curves and the delta rate.

pub mod anchors;
pub mod bd_rate;
