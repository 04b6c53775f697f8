//! x
/// x
pub fn scope<T>(f: impl FnOnce() -> T) -> T {
    f()
}
