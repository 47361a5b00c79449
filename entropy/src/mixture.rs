//! Gaussian mixtures, alone or in correlated pairs: distributions that no set of
//! tables could hold, computed for each symbol in integers.
//!
//! A symbol has a scale index like those of [`gaussian`](crate::gaussian) and, for
//! each of a few components, parameters in 0..=63: a weight, an offset from zero and
//! a shift of the scale. A pair of symbols has, beside those of both, a correlation:
//! the first is coded by its own mixture, the second by the mixture that follows once
//! the first is known. Its offsets have moved along with the first, its scales are
//! narrower, and its weights are the responsibilities of the components for the
//! first. BITSTREAM.md, *Mixtures*, is the specification.

#[cfg(test)]
mod by_the_spec;
mod coding;
mod density;
mod numbers;
mod shifts;
#[cfg(test)]
mod tests;
mod values;

pub use coding::Intervals;
pub use values::OnTrellis;

use crate::error::MixtureError;
use crate::gaussian::SCALES;
use crate::trellis::TrellisScales;

/// The most components a mixture may have.
pub const MAX_COMPONENTS: usize = 4;
/// Parameters are 0..=63; this one says a weight like another's of the same value, no
/// offset, no shift of the scale, no correlation.
pub const PARAMETER_CENTRE: u8 = 32;

/// The distributions of a number of symbols, checked.
///
/// ```
/// use lic_entropy::{Coder, Decoder, Encoder, Mixtures};
///
/// // Two pairs of scale index 24 (a standard deviation of 1.8) with one component
/// // each and a correlation of 0.94: weight, two offsets, two scales, correlation.
/// let pair = [32, 32, 32, 32, 32, 62];
/// let mixtures = Mixtures::new(1, true, 3, vec![24; 4], [pair, pair].concat())?;
/// let symbols = [3, 3, -2, -1];
///
/// let mut encoder = Encoder::new(Coder::Ans);
/// encoder.encode_mixtures(&mixtures, &symbols)?;
/// let bytes = encoder.finish();
///
/// let mut decoder = Decoder::new(Coder::Ans, &bytes)?;
/// let mut decoded = Vec::new();
/// decoder.decode_mixtures(&mixtures, &mut decoded)?;
/// decoder.finish()?;
/// assert_eq!(decoded, symbols);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mixtures {
    components: usize,
    paired: bool,
    plain_below: u8,
    trellis: Option<TrellisScales>,
    /// How many channels symbols are of in turn, 0 if that is not known;
    channels: usize,
    /// and what is added to the scales of each, or nothing.
    shifts: Vec<i8>,
    scales: Vec<u8>,
    parameters: Vec<u8>,
}

impl Mixtures {
    /// Distributions of as many symbols as there are `scales`, in coding order; in
    /// pairs, symbols 2 i and 2 i + 1 are one.
    ///
    /// `parameters` are those of each symbol or pair in turn, of each component in
    /// turn: weight, offset, scale; for a pair weight, both offsets, both scales,
    /// correlation. Symbols whose scale is below `plain_below` (pairs of which both are)
    /// are coded by the plain table of their scale, as fast as ever; their parameters
    /// are not looked at.
    ///
    /// # Errors
    /// If there are no or too many components, a scale or parameter is beyond 63,
    /// `plain_below` beyond 64, or the lengths do not fit.
    pub fn new(
        components: usize,
        paired: bool,
        plain_below: usize,
        scales: Vec<u8>,
        parameters: Vec<u8>,
    ) -> Result<Self, MixtureError> {
        if !(1..=MAX_COMPONENTS).contains(&components) {
            return Err(MixtureError::Components {
                found: components,
                limit: MAX_COMPONENTS,
            });
        }
        if plain_below > SCALES {
            return Err(MixtureError::PlainBelow {
                found: plain_below,
                limit: SCALES,
            });
        }
        let width = 1 + usize::from(paired);
        let expected = scales.len() / width * components * Self::fields(paired);
        if !scales.len().is_multiple_of(width) || parameters.len() != expected {
            return Err(MixtureError::Lengths {
                symbols: scales.len(),
                parameters: parameters.len(),
                expected,
            });
        }
        // The maximum first: it needs no branch for each of them.
        let most = scales.iter().chain(&parameters).copied().max();
        if let Some(found) = most.filter(|&most| usize::from(most) >= SCALES) {
            return Err(MixtureError::Parameter { found });
        }
        Ok(Self {
            components,
            paired,
            plain_below: plain_below as u8,
            trellis: None,
            channels: 0,
            shifts: Vec::new(),
            scales,
            parameters,
        })
    }

    /// With symbols `of` some scales on a [`Trellis`](crate::Trellis): they stand for values of
    /// one of two grids, and their distributions are taken from there. The trellis begins anew
    /// in each half of the symbols. No plain symbol is on it: it begins with scale `plain_below`
    /// if `of` begins with one below.
    pub fn with_trellis(self, of: TrellisScales) -> Self {
        let from = of.from.max(self.plain_below);
        Self {
            trellis: Some(TrellisScales { from, ..of }),
            ..self
        }
    }

    /// How many parameters a component has.
    pub fn fields(paired: bool) -> usize {
        if paired { 6 } else { 3 }
    }

    /// How many components a symbol or pair has.
    pub fn components(&self) -> usize {
        self.components
    }

    /// Symbols that are coded together.
    fn width(&self) -> usize {
        1 + usize::from(self.paired)
    }

    /// Whether symbols are in pairs.
    pub fn is_paired(&self) -> bool {
        self.paired
    }

    /// How many symbols.
    pub fn len(&self) -> usize {
        self.scales.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.scales.is_empty()
    }

    /// Index of every symbol's scale before any shift: what an encoder may take its
    /// rough width from.
    pub fn scales(&self) -> &[u8] {
        &self.scales
    }

    /// Parameters of every symbol's or pair's components, as given.
    pub fn parameters(&self) -> &[u8] {
        &self.parameters
    }
}
