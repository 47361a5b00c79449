//! Pictures in the formats that people have: PNG, JPEG, WebP and PNM, with what they
//! carry.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::{read, size};
pub use write::{Format, Kind};
