//! Pictures for training and measuring `lic`: folders of them, deterministic
//! training crops, and manifests that say which test pictures are meant.
//!
//! ```no_run
//! use lic_datasets::{CropSampler, ImageFolder, fixed_crops};
//!
//! let folder = ImageFolder::open("pictures")?;
//! let (train, held) = folder.split_held_aside(20);
//! let sampler = CropSampler::new(train.load_all()?, 1)?;
//! // Step 1000 of a run: eight crops of 128x128 RGB, the same on every call.
//! let batch = sampler.batch(1000, 8, 128)?;
//! assert_eq!(batch.len(), 8 * 128 * 128 * 3);
//! let evaluation = fixed_crops(&held.load_all()?, 256, 16)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Where to go next: [`ImageFolder`] reads, [`CropSampler`] feeds training,
//! [`fixed_crops`] feeds evaluation during training, and [`Manifest`] checks
//! that a folder holds Kodak or CLIC before figures on it are reported.
//!
//! Every picture is 8-bit RGB here. Grey is widened, 16-bit samples are
//! narrowed, an alpha channel is dropped (not blended), and neither colour
//! profiles nor EXIF orientation are applied.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod crops;
mod folder;
mod held;
mod manifest;
mod mosaic;
mod random;
pub mod video;

pub use crops::{CropError, CropSampler, MAX_ENLARGEMENT};
pub use folder::{FolderError, ImageFolder, Picture};
pub use held::{MAX_CROPS_PER_PICTURE, fixed_crops};
pub use manifest::{Entry, Manifest, ManifestError, sha256};
pub use mosaic::mosaic;
