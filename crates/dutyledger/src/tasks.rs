//! What a server does beside answering requests: tasks of its own, none of which may fall unnoticed.

use tokio::sync::watch;
use tokio::task::JoinSet;

/// The tasks of a server.
pub(crate) struct Tasks {
    running: JoinSet<()>,
    /// The first that did not end in order.
    fallen: watch::Sender<Option<&'static str>>,
    stop: watch::Sender<bool>,
}

impl Tasks {
    pub(crate) fn new() -> Self {
        Self {
            running: JoinSet::new(),
            fallen: watch::Sender::new(None),
            stop: watch::Sender::new(false),
        }
    }

    /// Completes when the tasks are to end.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stop = self.stop.subscribe();
        async move {
            // The sender going away is the end as well.
            let _ = stop.wait_for(|stop| *stop).await;
        }
    }

    /// Runs a task until it ends.
    pub(crate) fn run(
        &mut self,
        name: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let fallen = self.fallen.clone();
        self.running.spawn(async move {
            if let Err(error) = tokio::spawn(work).await {
                tracing::error!(%error, "the {name} did not end well");
                fallen.send_modify(|first| {
                    first.get_or_insert(name);
                });
            }
        });
    }

    /// Completes when one of them has fallen.
    pub(crate) fn fall(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut fallen = self.fallen.subscribe();
        async move {
            // Nothing can fall any more once the sender is gone.
            if fallen.wait_for(Option::is_some).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Tells them to end, waits until they have, and names the first that fell.
    pub(crate) async fn end(mut self) -> Option<&'static str> {
        self.stop.send_replace(true);
        while self.running.join_next().await.is_some() {}
        *self.fallen.borrow()
    }
}

#[cfg(test)]
mod tests {
    use super::Tasks;

    #[tokio::test]
    async fn a_task_that_falls_is_noticed_at_once_and_named() {
        let mut tasks = Tasks::new();
        let (fall, stopped) = (tasks.fall(), tasks.stopped());
        tasks.run("patient", stopped);
        tasks.run("hasty", async {
            panic!("it falls");
        });
        fall.await;
        assert_eq!(tasks.end().await, Some("hasty"));
    }

    #[tokio::test]
    async fn tasks_that_end_by_themselves_or_are_told_to_have_not_fallen() {
        let mut tasks = Tasks::new();
        let stopped = tasks.stopped();
        tasks.run("patient", stopped);
        tasks.run("quick", async {});
        assert_eq!(tasks.end().await, None);
    }
}
