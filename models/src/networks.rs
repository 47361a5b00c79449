//! The float networks of a standard model, by host buffers: what coding needs of
//! whatever runs them.
//!
//! Buffers hold one picture or a window of one, channels last: a position's
//! channels lie together, positions go by rows. Outside of a window every
//! convolution sees zeros; who cuts a window out of a larger picture gives it a
//! margin ([`StandardConfig::margin`](crate::standard::StandardConfig::margin)) and
//! keeps what lies inside. Errors are words about a backend or a wrong size.

use std::fmt::Debug;

use lic_codec::Area;

/// The float half of a standard model. Results of two implementations differ by
/// rounding errors; nothing here reaches a probability.
pub trait Networks: Debug + Send + Sync {
    /// Gain of every latent channel at `quality` (1..=100).
    fn gain(&self, quality: f32) -> Result<Vec<f32>, String>;

    /// Inverse gain of every latent channel, learned apart.
    fn inverse(&self, quality: f32) -> Result<Vec<f32>, String>;

    /// Pixels to latents, without gain. `x`: `[16 h][16 w][3]` in 0..=1 →
    /// `[keep.height][keep.width][m]`, `keep` in positions. What lies outside of
    /// `keep` need not be computed further than `keep` depends on it.
    fn g_a(&self, x: &[f32], h: usize, w: usize, keep: Area) -> Result<Vec<f32>, String>;

    /// Latents (gain on) to hyper-latents, not rounded. `y`: `[h][w][m]`, `h` and
    /// `w` multiples of 4 → `[h/4][w/4][z]`.
    fn h_a(&self, y: &[f32], h: usize, w: usize, quality: f32) -> Result<Vec<f32>, String>;

    /// The means' stream when only `z` `[h/4][w/4][z]` is known.
    fn means(
        &self,
        z: &[f32],
        h: usize,
        w: usize,
        quality: f32,
    ) -> Result<Box<dyn Means + '_>, String>;

    /// Latents (gain taken back) to pixels. `y`: `[h][w][m]` →
    /// `[16 keep.height][16 keep.width][3]`, nominally 0..=1, not clamped.
    fn g_s(&self, y: Vec<f32>, h: usize, w: usize, keep: Area) -> Result<Vec<f32>, String>;
}

/// The float half of a temporal prior.
pub trait FollowingNetworks: Debug + Send + Sync {
    /// The means' stream when only `y_ref` `[h][w][m]`, gain taken off, is known.
    fn means(
        &self,
        y_ref: Vec<f32>,
        h: usize,
        w: usize,
        quality: f32,
    ) -> Result<Box<dyn Means + '_>, String>;
}

/// The stream that gathers what is known of a picture's means.
pub trait Means: Send {
    /// Means of step `step` (from 0, over the latents), gain taken off:
    /// `[position covered][channel]`.
    fn head(&mut self, step: usize) -> Result<Vec<f32>, String>;

    /// Adds what step `step` made known: `y_hat` with gain taken off,
    /// `[position covered][channel]`.
    fn update(&mut self, step: usize, y_hat: &[f32]) -> Result<(), String>;
}
