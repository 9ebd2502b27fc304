//! Load: one fixed `tools/call` from many connections at once, by wrk, with the CPU time that the
//! measured process spent meanwhile.

use std::{cell::RefCell, fs, path::Path, process::Command, rc::Rc};

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::usage::Usage;

/// An endpoint to measure.
#[derive(Debug, Clone)]
pub(crate) struct Contender {
    /// In tables.
    pub(crate) name: &'static str,
    /// The MCP URL.
    pub(crate) url: String,
    /// The process whose CPU time counts.
    pub(crate) pid: u32,
    /// Sent with every request, besides the protocol's own headers.
    pub(crate) headers: Vec<(String, String)>,
    /// Bearer tokens of which every request takes another.
    pub(crate) tokens: Option<Tokens>,
}

/// Sets of bearer tokens, one for each run; none is used twice.
#[derive(Debug, Clone)]
pub(crate) struct Tokens(Rc<RefCell<Vec<Vec<String>>>>);

impl Tokens {
    pub(crate) fn new(sets: Vec<Vec<String>>) -> Self {
        Self(Rc::new(RefCell::new(sets)))
    }

    fn next_run(&self, dir: &Path) -> anyhow::Result<String> {
        let set = self.0.borrow_mut().pop().context("a set of tokens")?;
        let file = dir.join("tokens");
        fs::write(&file, set.join("\n"))?;
        Ok(file.display().to_string())
    }
}

/// What one run measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// CPU time per request, in microseconds.
    pub(crate) cpu_us: f64,
    /// Requests per second.
    pub(crate) rate: f64,
    /// Median latency, in microseconds.
    pub(crate) p50_us: f64,
    /// 99th percentile of latency, in microseconds.
    pub(crate) p99_us: f64,
}

/// The body of every measured request.
pub(crate) const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"hello"}}}"#;

impl Contender {
    /// Loads it for `seconds` from `connections` connections.
    pub(crate) fn load(
        &self,
        dir: &Path,
        connections: usize,
        seconds: u32,
    ) -> anyhow::Result<Measured> {
        let script = dir.join("load.lua");
        fs::write(&script, self.script(dir)?)?;
        wrk(&script, &self.url, connections, 1)?;
        if self.tokens.is_some() {
            fs::write(&script, self.script(dir)?)?;
        }
        let before = Usage::of(self.pid);
        let summary = wrk(&script, &self.url, connections, seconds)?;
        let after = Usage::of(self.pid);
        if summary.failed > 0 || summary.requests == 0 {
            bail!(
                "{}: {} of {} requests failed",
                self.name,
                summary.failed,
                summary.requests
            );
        }
        let count = f64::from(summary.requests);
        Ok(Measured {
            cpu_us: (after.cpu_us - before.cpu_us) / count,
            rate: count * 1e6 / summary.duration_us,
            p50_us: summary.p50_us,
            p99_us: summary.p99_us,
        })
    }

    /// JSON-RPC ids are unique among the requests in flight, as the protocol asks.
    fn script(&self, dir: &Path) -> anyhow::Result<String> {
        let bodies = match &self.tokens {
            None => SAME_HEADERS.to_owned(),
            Some(tokens) => ANOTHER_TOKEN.replace("TOKENS", &tokens.next_run(dir)?),
        };
        let headers = self.headers.iter();
        let headers: Vec<_> = headers
            .map(|(name, value)| format!("wrk.headers[{name:?}] = {value:?}"))
            .collect();
        let headers = headers.join("\n");
        Ok(format!(
            r#"wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept"] = "application/json, text/event-stream"
wrk.headers["MCP-Protocol-Version"] = "2025-11-25"
{headers}
local body, all, next = '{CALL}', {{}}, 0
local function with_id(k)
  return (body:gsub('"id":1,', '"id":' .. (1000 + k) .. ',', 1))
end
{bodies}
function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    'BENCH {{"requests":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,"failed":%d}}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
"#
        ))
    }
}

/// Made once, sent again and again.
const SAME_HEADERS: &str = r"function init()
  for k = 1, 2048 do
    all[k] = wrk.format(nil, nil, nil, with_id(k))
  end
end
function request()
  next = next % 2048 + 1
  return all[next]
end";

/// A run that comes to the end of its tokens fails, because it would measure something else.
const ANOTHER_TOKEN: &str = r"function init()
  for token in io.lines('TOKENS') do
    wrk.headers['Authorization'] = 'Bearer ' .. token
    all[#all + 1] = wrk.format(nil, nil, nil, with_id(#all))
  end
end
function request()
  next = next + 1
  return all[next] or error('the tokens are used up')
end";

#[derive(Deserialize)]
struct Summary {
    requests: u32,
    duration_us: f64,
    p50_us: f64,
    p99_us: f64,
    failed: u32,
}

fn wrk(script: &Path, url: &str, connections: usize, seconds: u32) -> anyhow::Result<Summary> {
    let output = Command::new("wrk")
        .args(["-t1", "--timeout", "10s", "-c"])
        .arg(connections.to_string())
        .arg(format!("-d{seconds}s"))
        .arg("-s")
        .arg(script)
        .arg(url)
        .output()
        .context("running wrk (a Debian package; ./dev bench installs it)")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("BENCH "))
        .with_context(|| {
            let complaint = String::from_utf8_lossy(&output.stderr);
            format!("wrk printed no summary: {text}{complaint}")
        })?;
    Ok(serde_json::from_str(line)?)
}
