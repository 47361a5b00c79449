//! Threads and device, set up before anything else runs.

use anyhow::{Context, Result};
use lic_models::Zoo;

use crate::args::Machine;

impl Machine {
    /// Settles how many threads there are: both our own loops and the flex backend
    /// use Rayon's global pool, which is made once.
    pub fn set_threads(&self) -> Result<()> {
        // Left alone, the pool reads RAYON_NUM_THREADS itself.
        let Some(threads) = self.threads else {
            return Ok(());
        };
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads.into())
            .build_global()
            .with_context(|| format!("cannot start {threads} threads"))
    }

    /// The models on the device; none is loaded yet.
    pub fn zoo(&self) -> Result<Zoo> {
        Ok(Zoo::on(self.device)?)
    }
}
