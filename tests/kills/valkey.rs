//! Valkey on both machines, with strategy `live`: what regmig asks of it over the network, and what the timers do with the
//! client in its container, which is not called redis-cli.

use regmig_tests::support::{Rig, Sampler, Traffic, Tried, Unfinished};
use xtask::lab::{self, Machine};

use crate::live::{expect_moved, fall_silent};

#[test]
fn it_moves_as_redis_does_and_its_timers_take_the_way_out() -> Tried<()> {
    let rig = Rig::live("valkey")?;
    let image = lab::load_valkey(&rig.config)?;
    let swap = format!("cd /var/pryv && sed -i 's,pryv/redis:lab,{image},' reg-master.yml");
    rig.on(Machine::Dest, &swap)?;
    let start = "docker-compose -f reg-master.yml up -d redis 2>&1
        until docker exec pryv_redis_1 valkey-cli ping | grep -q PONG; do sleep 0.05; done
        ! docker exec pryv_redis_1 redis-cli ping 2>/dev/null";
    rig.on(Machine::Source, &format!("set -e; {swap}; {start}"))?;
    rig.wait_until_serves(Machine::Source)?;

    let before = Unfinished::of(&rig)?;
    let mut traffic = Traffic::start(&rig)?;
    let sampler = Sampler::start(&rig)?;
    let point = "cold/switch#2:after";
    let after = fall_silent(&rig, &mut traffic, point, Machine::Source)?;
    println!("{point}: source serves {after:.1?} after the kill");
    expect_moved(&rig, &before, traffic, sampler)
}
