//! Consumes messages from one queue, over a connection that reconnects.
//!
//! The connection is not here: a task of its own ([`Keeper`]) opens, uses and closes it, and this type only talks to
//! that task. So dropping any future of a [`Consumer`], at any point, loses and leaks nothing.

use tokio::sync::{mpsc, watch};

use crate::broker::Broker;
use crate::incoming::Incoming;
use crate::intake::Intake;
use crate::keeper::{Keeper, Opener};
use crate::order::{Order, Wanted};

/// A consumer of one queue.
pub struct Consumer {
    orders: watch::Sender<Order>,
    /// Number of the last command carried out.
    done: watch::Receiver<u64>,
    messages: mpsc::Receiver<Incoming>,
}

impl Broker {
    /// A consumer that has not started; [`Consumer::next`] starts it.
    pub fn consumer(&self, intake: Intake) -> Consumer {
        let (orders, received) = watch::channel(Order {
            number: 0,
            wanted: Wanted::Close,
        });
        let (done, was_done) = watch::channel(0);
        // As many as can be unacknowledged, so that the session never blocks on the caller.
        let (sender, messages) = mpsc::channel(usize::from(intake.messages.max(1)));
        let opener = Opener::new(self, intake);
        tokio::spawn(Keeper::new(opener, received, done, sender).run());
        Consumer {
            orders,
            done: was_done,
            messages,
        }
    }
}

impl Consumer {
    /// The next message, however long the broker is unavailable. Cancel-safe.
    pub async fn next(&mut self) -> Incoming {
        self.order(Wanted::Consume);
        loop {
            let incoming = self.messages.recv().await.expect("the keeper ends after its consumer");
            // Messages of a lost connection are redelivered.
            if !incoming.acknowledgement.is_void() {
                return incoming;
            }
        }
    }

    /// Cancels the consumer. Consumed messages can still be acknowledged until [`Consumer::close`].
    pub async fn cancel(&mut self) {
        self.carried_out(Wanted::Cancel).await;
    }

    /// Closes the connection until [`Consumer::next`] is called again: on return it is closed, and the broker
    /// redelivers unacknowledged messages.
    pub async fn close(&mut self) {
        self.carried_out(Wanted::Close).await;
        while self.messages.try_recv().is_ok() {}
    }

    fn order(&self, wanted: Wanted) -> u64 {
        self.orders.send_if_modified(|order| {
            let differs = order.wanted != wanted;
            if differs {
                *order = Order {
                    number: order.number + 1,
                    wanted,
                };
            }
            differs
        });
        self.orders.borrow().number
    }

    async fn carried_out(&mut self, wanted: Wanted) {
        let number = self.order(wanted);
        self.done
            .wait_for(|done| *done >= number)
            .await
            .expect("the keeper ends after its consumer");
    }
}
