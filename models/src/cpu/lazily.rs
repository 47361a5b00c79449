//! Networks that are packed when they are first used: who decodes has no use for `g_a`,
//! and who encodes none for `g_s`.

use std::fmt;
use std::sync::OnceLock;

/// What `pack` makes, once it is asked for.
///
/// `pack` must not hand work to rayon: a thread that waits for a part of it could take up
/// another tile, which asks for the same networks and waits for them without end.
pub(super) struct Lazily<P> {
    pack: Box<dyn Fn() -> Result<P, String> + Send + Sync>,
    packed: OnceLock<Result<P, String>>,
}

impl<P> Lazily<P> {
    pub(super) fn new(pack: impl Fn() -> Result<P, String> + Send + Sync + 'static) -> Self {
        Self {
            pack: Box::new(pack),
            packed: OnceLock::new(),
        }
    }

    /// # Errors
    /// What `pack` says, every time.
    pub(super) fn get(&self) -> Result<&P, String> {
        let packed = self.packed.get_or_init(&self.pack);
        packed.as_ref().map_err(Clone::clone)
    }
}

impl<P: fmt::Debug> fmt::Debug for Lazily<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lazily").field(&self.packed).finish()
    }
}
