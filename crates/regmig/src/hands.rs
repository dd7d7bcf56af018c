//! The machines and the journal as the engine gets them: as they are.
//!
//! With the feature `failpoints` another file stands here, whose points lie between the engine and both.

use std::sync::Arc;

use regmig_core::port::Act;
use regmig_store::Store;

use crate::problem::Problem;
use crate::world::World;

/// The journal.
pub(crate) type Keeper = Store;

/// The machines.
pub(crate) type Hands = Arc<World>;

/// Both, for one run.
#[expect(clippy::unnecessary_wraps, reason = "with failpoints it can fail")]
pub(crate) fn over(world: Arc<World>, store: Store) -> Result<(Hands, Keeper), Problem> {
    Ok((world, store))
}

/// The machines, to be acted on.
pub(crate) fn act(hands: &Hands) -> &dyn Act {
    &**hands
}
