//! The script and its twin in Rust give the same answers, to written vectors and to random histories.

use gateway::limit::{
    bucket::{Answer, Ask, Central},
    rate::Limit,
};
use redis::Connection;
use serde::Deserialize;

use crate::server::Server;

#[derive(Deserialize)]
struct Case {
    name: String,
    boot: Option<u64>,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    at: u64,
    holder: String,
    /// Tokens, milliseconds, burst.
    limit: [u32; 3],
    closes: Vec<(u64, u32)>,
    opens: u64,
    need: u32,
    life: u64,
    granted: u32,
    wait: u64,
}

impl Step {
    fn ask(&self) -> Ask {
        let [tokens, per_ms, burst] = self.limit;
        Ask {
            limit: Limit {
                tokens,
                per_ms,
                burst,
            },
            closes: self.closes.clone(),
            opens: self.opens,
            need: self.need,
        }
    }
}

#[test]
fn the_script_and_rust_answer_every_vector() {
    let server = Server::start();
    let mut connection = server.connection();
    for case in cases() {
        let mut central = Central::since(case.boot);
        redis::cmd("FLUSHALL").exec(&mut connection).unwrap();
        if let Some(boot) = case.boot {
            let set = redis::cmd("SET").arg(BOOT).arg(boot).exec(&mut connection);
            set.unwrap();
        }
        for (index, step) in case.steps.iter().enumerate() {
            let expected = Answer {
                granted: step.granted,
                wait_ms: step.wait,
            };
            let place = format!("{}, step {index}", case.name);
            let ask = step.ask();
            let rust = central.ask(step.at, KEY, &step.holder, step.life, &ask);
            assert_eq!(rust, expected, "Rust: {place}");
            let script = run(&mut connection, step.at, &step.holder, step.life, &ask);
            assert_eq!(script, expected, "Lua: {place}");
        }
    }
}

#[test]
fn the_script_and_rust_agree_on_random_histories() {
    let server = Server::start();
    let mut connection = server.connection();
    let mut random = Random(0x5eed);
    for _ in 0..40 {
        redis::cmd("FLUSHALL").exec(&mut connection).unwrap();
        let mut central = Central::default();
        let mut now = 1_700_000_000_000 + random.below(1_000_000);
        let mut limit = random.limit();
        for opens in 1..=100 {
            now = (now + random.below(600)) - random.below(30);
            if random.below(20) == 0 {
                limit = random.limit();
            }
            let closes = (0..random.below(3))
                .map(|_| (1 + random.below(opens), random.small(40)))
                .collect();
            let ask = Ask {
                limit,
                closes,
                opens,
                need: random.small(20),
            };
            let holder = format!("node{}", random.below(4));
            let life = 200 + random.below(2_000);
            let rust = central.ask(now, KEY, &holder, life, &ask);
            let script = run(&mut connection, now, &holder, life, &ask);
            assert_eq!(script, rust, "at {now}, {holder}: {ask:?}");
        }
    }
}

/// A key goes by itself when it would be full; the marker stays.
#[test]
fn keys_go_when_they_would_be_full_and_the_marker_stays() {
    let server = Server::start();
    let mut connection = server.connection();
    let ask = Ask {
        limit: Limit {
            tokens: 1,
            per_ms: 1_000,
            burst: 60,
        },
        closes: Vec::new(),
        opens: 1,
        need: 1,
    };
    run(&mut connection, 1_000, "a", 2_200, &ask);
    let left: u64 = server.run(&format!("PTTL {KEY}")).unwrap();
    assert!((62_000..=63_200).contains(&left), "{left}");
    let marker: i64 = server.run(&format!("PTTL {BOOT}")).unwrap();
    assert_eq!(marker, -1);
}

/// Runs the script as if Redis' clock showed `now`.
fn run(connection: &mut Connection, now: u64, holder: &str, life: u64, ask: &Ask) -> Answer {
    let clock = "redis.call('TIME')";
    assert!(LUA.contains(clock));
    let time = format!("{{ '{}', '{}' }}", now / 1_000, now % 1_000 * 1_000);
    let mut eval = redis::cmd("EVAL");
    eval.arg(LUA.replace(clock, &time))
        .arg(2)
        .arg(KEY)
        .arg(BOOT);
    eval.arg(&[ask.limit.tokens, ask.limit.per_ms, ask.limit.burst]);
    eval.arg(holder).arg(ask.opens).arg(ask.need).arg(life);
    for (number, unused) in &ask.closes {
        eval.arg(*number).arg(*unused);
    }
    let (granted, wait_ms) = eval.query(connection).unwrap();
    Answer { granted, wait_ms }
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../../vectors/lease.json")).unwrap()
}

/// xorshift64*: the same histories everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }

    fn small(&mut self, bound: u64) -> u32 {
        u32::try_from(self.below(bound)).unwrap()
    }

    fn limit(&mut self) -> Limit {
        Limit {
            tokens: 1 + self.small(60),
            per_ms: [1_000, 1_001, 7_919, 60_000][self.small(4) as usize],
            burst: 1 + self.small(80),
        }
    }
}

const LUA: &str = include_str!("../../src/limit/lease.lua");
const KEY: &str = "aldgate:limit:tool:test";
const BOOT: &str = "aldgate:limit:boot";
