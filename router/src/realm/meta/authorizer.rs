//! What the realm remembers of its authorizer's answers: Trunkline's own.
//!
//! In the namespace that the specification reserves to routers, under a component of ours: no later version of it can
//! mean something else by the name.

use super::arguments::Arguments;
use super::{Answer, MetaCall};
use crate::realm::refusal::Refusal;
use crate::realm::world::World;

/// Forgets all of them; returns how many there were.
pub(super) fn flush<W: World>(call: &MetaCall<'_, W>, arguments: Arguments) -> Result<Answer, Refusal> {
    arguments.end()?;
    Ok(Answer::count(call.out.forget_rulings()))
}
