//! The trunkline executable.
fn main() {}
