//! Work for all cores: a list of which each takes the next, and a heap to which each may add.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use super::threads;
use crate::support::interrupt;

/// What `each` makes of every item, in their order; `None` for those that were not begun when the person stopped it.
pub(crate) fn map<T: Sync, R: Send>(items: &[T], each: impl Fn(&T) -> R + Sync) -> Vec<Option<R>> {
    let mut results: Vec<Option<R>> = Vec::new();
    results.resize_with(items.len(), || None);
    // Each result has its place: a million of them are held once.
    let next = Mutex::new(items.iter().zip(results.iter_mut()));
    let work = || {
        while !interrupt::requested() {
            let taken = next.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((item, place)) = taken else { break };
            *place = Some(each(item));
        }
    };
    let workers = threads().min(items.len());
    if workers < 2 {
        work();
    } else {
        thread::scope(|scope| {
            let builder = || thread::Builder::new().name("dedupe".into());
            // A thread that cannot be had is one fewer.
            let _handles: Vec<_> = (1..workers).filter_map(|_| builder().spawn_scoped(scope, work).ok()).collect();
            work();
        });
    }
    results
}

struct Heap<T> {
    work: Vec<T>,
    /// Pieces that a thread has in hand: each may bring more.
    in_hand: usize,
}

/// Calls `each` for every item and for those that it adds, the newest first, so that few wait at a time. The first argument is
/// what a thread keeps to itself; all of them are given back.
pub(super) fn spread<T: Send, S: Send + Default>(
    items: Vec<T>,
    each: impl Fn(&mut S, T, &mut Vec<T>) + Sync,
) -> Vec<S> {
    let heap = Mutex::new(Heap { work: items, in_hand: 0 });
    let wake = Condvar::new();
    let work = || {
        let (mut own, mut more) = (S::default(), Vec::new());
        let mut guard = heap.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if interrupt::requested() {
                guard.work.clear();
            }
            let Some(item) = guard.work.pop() else {
                if guard.in_hand == 0 {
                    wake.notify_all();
                    return own;
                }
                guard = wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            guard.in_hand += 1;
            drop(guard);
            each(&mut own, item, &mut more);
            guard = heap.lock().unwrap_or_else(PoisonError::into_inner);
            guard.in_hand -= 1;
            if !more.is_empty() || guard.in_hand == 0 {
                wake.notify_all();
            }
            guard.work.append(&mut more);
        }
    };
    thread::scope(|scope| {
        let builder = || thread::Builder::new().name("dedupe".into());
        let handles: Vec<_> = (1..threads()).filter_map(|_| builder().spawn_scoped(scope, work).ok()).collect();
        let mut all = vec![work()];
        all.extend(handles.into_iter().filter_map(|handle| handle.join().ok()));
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_of_their_items() {
        let items: Vec<usize> = (0..1000).collect();
        let doubled: Vec<usize> = map(&items, |item| item * 2).into_iter().flatten().collect();
        assert_eq!(doubled, (0..1000).map(|item| item * 2).collect::<Vec<_>>());
        assert!(map(&[] as &[usize], |item| *item).is_empty());
    }

    #[test]
    fn added_work_is_done_too() {
        let counts = spread(vec![5_u32], |count: &mut u64, depth, more| {
            *count += 1;
            more.extend((0..depth).map(|below| below.min(depth - 1)));
        });
        // f(n) = 1 + f(0) + … + f(n - 1) = 2^n.
        assert_eq!(counts.into_iter().sum::<u64>(), 32);
    }
}
