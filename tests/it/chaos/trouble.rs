//! What goes wrong while the load runs, at random and by a seed that is printed: processes end and come back, Redis fails
//! over, the token endpoint answers badly.

use std::sync::Arc;
use std::time::{Duration, Instant};

use salesforce_sim::{ActiveFault, Effect, Fault};

use super::fleet::{End, Fleet, Member};
use super::{Dice, say};

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
pub struct Trouble {
    /// How processes are ended, if they are.
    pub ends: Option<End>,
    /// Between the start of one and the end of the next: at most.
    pub pause: Duration,
    /// Between two fail-overs of Redis: at most; if there are any.
    pub fails_over: Option<Duration>,
    /// How the token endpoint misbehaves.
    pub endpoint: Endpoint,
}

/// How often the token endpoint does what: one in so many.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    pub loses_request: u64,
    pub loses_response: u64,
    pub is_slow: u64,
    pub takes: Duration,
    pub is_being_processed: u64,
    pub answers_503: u64,
    pub answers_html: u64,
}

impl Trouble {
    /// Makes trouble for so long; afterwards everything runs and answers again.
    pub async fn make(self, fleet: &Fleet, length: Duration, seed: u64) {
        let faults = self.endpoint.misbehave(fleet, seed);
        let until = Instant::now() + length;
        let (ended, fail_overs) =
            tokio::join!(self.end_processes(fleet, until, Dice(seed)), self.fail_over(fleet, until, Dice(!seed)));
        let struck: Vec<_> = faults.iter().map(|(name, fault)| format!("{} {name}", fault.struck())).collect();
        for (_, fault) in faults {
            fault.end();
        }
        say(&format!("{ended} processes ended, {fail_overs} fail-overs; token endpoint: {}", struck.join(", ")));
    }

    async fn end_processes(self, fleet: &Fleet, until: Instant, mut dice: Dice) -> usize {
        let Some(how) = self.ends else { return 0 };
        let mut ended = 0;
        while Instant::now() < until {
            // What exchanges has most to lose.
            let of = if dice.below(3) == 0 { &fleet.sidecars } else { fleet.exchangers() };
            let member: &Arc<Member> = &of[dice.below(of.len())];
            member.end(how).await;
            tokio::time::sleep(dice.upto(Duration::from_millis(500))).await;
            member.start().await;
            ended += 1;
            tokio::time::sleep(dice.upto(self.pause)).await;
        }
        ended
    }

    async fn fail_over(self, fleet: &Fleet, until: Instant, mut dice: Dice) -> usize {
        let (mut times, Some(pause)) = (0, self.fails_over) else { return 0 };
        while Instant::now() < until {
            tokio::time::sleep(dice.upto(pause)).await;
            let backend = Arc::clone(&fleet.backend);
            // Some are back before they are missed, some while another is being chosen, some long after.
            let away = Duration::from_secs(1) + dice.upto(Duration::from_secs(4));
            let seed = dice.roll();
            let healed = tokio::task::spawn_blocking(move || {
                let mut backend = backend.lock().unwrap();
                let port = backend.kill_leader(&mut Dice(seed));
                std::thread::sleep(away);
                backend.heal(port);
            });
            healed.await.unwrap();
            times += 1;
        }
        times
    }
}

impl Endpoint {
    fn misbehave(self, fleet: &Fleet, seed: u64) -> Vec<(&'static str, ActiveFault)> {
        let busy = r#"{"error":"server_error","error_description":"try again"}"#;
        let faults = [
            ("lost request", Effect::DropBeforeProcessing, self.loses_request),
            ("lost response", Effect::LoseResponse, self.loses_response),
            ("slow", Effect::Delay(self.takes), self.is_slow),
            ("already being processed", Effect::AlreadyBeingProcessed, self.is_being_processed),
            ("503", Effect::Status(503, busy.to_owned()), self.answers_503),
            ("HTML", Effect::HtmlMaintenance(200), self.answers_html),
        ];
        let set = (1..).zip(faults).map(|(number, (name, effect, one_in))| {
            let fault = Fault::on_token_endpoint(effect).one_in(one_in, seed.wrapping_mul(number));
            (name, fleet.sim.fault(fault))
        });
        set.collect()
    }
}
