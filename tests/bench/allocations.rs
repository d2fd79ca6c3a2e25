//! Counts what is asked of the heap.

#![allow(unsafe_code, reason = "an allocator cannot be written without; this one hands everything on to the system's")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static CALLS: AtomicUsize = AtomicUsize::new(0);
static BYTES: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, which counts calls and bytes of the whole process.
pub struct Counting;

// SAFETY: every call goes to `System` as it came; counting touches no memory of the caller.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Relaxed);
        BYTES.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller keeps the promises of `GlobalAlloc::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the promises of `GlobalAlloc::dealloc`; all blocks are the system's.
        unsafe { System.dealloc(block, layout) }
    }
}

/// How often and for how many bytes `work` asks the heap. Nothing else may run at the same time.
pub fn count<T>(work: impl FnOnce() -> T) -> (usize, usize) {
    let before = (CALLS.load(Relaxed), BYTES.load(Relaxed));
    let done = work();
    let after = (CALLS.load(Relaxed), BYTES.load(Relaxed));
    drop(done);
    (after.0 - before.0, after.1 - before.1)
}
