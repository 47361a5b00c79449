//! Watches a run: its memory, its time, and whether it panics.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A run that takes twice as long ends the tests, at the latest: the inputs are
/// small, and runs take microseconds.
const MOST: Duration = Duration::from_secs(1);

thread_local! {
    /// Bytes that this thread has allocated and not freed, and the most so far.
    /// Decoding a file of model 0 or a plane starts no threads.
    static LIVE: Cell<i64> = const { Cell::new(0) };
    static PEAK: Cell<i64> = const { Cell::new(0) };
}

struct Counting;

fn count(change: i64) {
    // Not there while a thread ends, when nothing is measured any more.
    let _ = LIVE.try_with(|live| {
        live.set(live.get() + change);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
}

// SAFETY: every call goes to `System` unchanged; counting allocates nothing, as the
// cells are constants without destructors.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller's promises are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller's promises are the same.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: the caller's promises are the same.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // While a block moves, there are two of it.
        count(size as i64);
        count(-(layout.size() as i64));
        // SAFETY: the caller's promises are the same.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Writes an input down where it can be looked at, and says where.
fn keep(kind: &str, input: &[u8]) -> PathBuf {
    let name = format!("{kind}-{:08x}.lic", crc32c::crc32c(input));
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    // The failure is what is reported, even if this fails too.
    if let Err(error) = std::fs::write(&path, input) {
        eprintln!("{}: {error}", path.display());
    }
    path
}

/// Watches the runs of one test, one at a time.
pub struct Guard {
    kind: &'static str,
    slot: Arc<Slot>,
}

#[derive(Default)]
struct Slot {
    /// Odd while a run lasts.
    runs: AtomicU64,
    input: Mutex<Vec<u8>>,
}

impl Guard {
    /// Starts a thread that ends the program if a run does not end, as nothing else
    /// can; `kind` names the inputs.
    pub fn new(kind: &'static str) -> Self {
        let slot = Arc::new(Slot::default());
        let watched = Arc::downgrade(&slot);
        thread::spawn(move || {
            let mut before = 0;
            while let Some(slot) = watched.upgrade() {
                let now = slot.runs.load(Ordering::SeqCst);
                if now % 2 == 1 && now == before {
                    let path = keep(kind, &slot.input.lock().expect("no panic holds it"));
                    eprintln!("a run does not end: {}", path.display());
                    std::process::abort();
                }
                before = now;
                drop(slot);
                thread::sleep(MOST);
            }
        });
        Self { kind, slot }
    }

    /// Runs `f` on `input` and asserts that it does not panic, nor has more than
    /// `most` bytes of memory at any time beyond what there was before.
    pub fn run<T>(&self, input: &[u8], most: u64, f: impl FnOnce() -> T) -> T {
        let mut copy = self.slot.input.lock().expect("no panic holds it");
        copy.clear();
        copy.extend(input);
        drop(copy);
        let before = LIVE.get();
        PEAK.set(before);
        self.slot.runs.fetch_add(1, Ordering::SeqCst);
        let result = catch_unwind(AssertUnwindSafe(f));
        self.slot.runs.fetch_add(1, Ordering::SeqCst);
        let taken = PEAK.get() - before;
        let kind = self.kind;
        let result = result.unwrap_or_else(|panic| {
            eprintln!("a panic: {}", keep(kind, input).display());
            resume_unwind(panic)
        });
        if taken > most as i64 {
            let path = keep(kind, input);
            panic!(
                "{taken} bytes of memory, {most} allowed: {}",
                path.display()
            );
        }
        result
    }
}

#[test]
fn the_guard_sees_memory_and_panics() {
    let guard = Guard::new("guard");
    let memory = |most| guard.run(&[], most, || drop(vec![1u8; 1000]));
    memory(1000);
    let refused = catch_unwind(AssertUnwindSafe(|| memory(999)));
    assert!(refused.is_err());
    let panics = catch_unwind(AssertUnwindSafe(|| {
        guard.run(&[], 1 << 20, || panic!("on purpose"))
    }));
    assert!(panics.is_err());
}
