//! How long a cutover's clients would wait: the same round trips in the same order, none of which changes anything.

use std::time::{Duration, Instant};

use futures::future::try_join;
use regmig_core::port::PortError;
use regmig_procedure::steps::live;

use super::World;

impl World {
    /// The time of one critical section, milliseconds. What it needs is connected afterwards.
    pub(super) async fn rehearsal(&self) -> Result<i64, PortError> {
        // The connection that dest's promotion has to itself, and the shells.
        self.dest.redis.writes_paused().await?;
        self.dest.poise_thaw(&self.spec.stack.writers()).await?;
        self.source.poise_loaded().await?;
        self.section().await?;
        let begun = Instant::now();
        self.section().await?;
        Ok(i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    /// What is asked from the signal to source's nginx until dest's services run on.
    async fn section(&self) -> Result<(), PortError> {
        let (source, dest) = (&self.source, &self.dest);
        let limit = Duration::from_secs(self.spec.limits.command_s);
        // cold/switch: nginx, the fence, and the look at both.
        source.listed().await?;
        source.script("rehearsing", ":", &[], limit).await?;
        source.redis.ping().await?;
        try_join(source.nginx_loaded(), async {
            source.redis.writes_paused().await?;
            source.redis_state().await
        })
        .await?;
        // synced/caught-up.
        dest.redis_state().await?;
        // proxy/promote: the look before, whether Redis runs, the promotion itself, and as long for the thaw.
        try_join(dest.redis.get(live::EPOCH_KEY), dest.redis_state()).await?;
        dest.redis_state().await?;
        dest.redis.ping().await?;
        dest.redis.ping().await?;
        dest.redis.ping().await?;
        Ok(())
    }
}
