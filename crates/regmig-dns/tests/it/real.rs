//! Questions to a real server.

use regmig_core::port::PortError;
use regmig_dns::{Data, Fault, Kind, Limits, Origin, Rcode, ask, delegation, fault_of, soa};

use crate::bind::Bind;

#[tokio::test]
async fn a_real_server_is_understood() {
    let bind = Bind::start().await;
    let limits = Limits::default();
    let ask = async |name: &str, kind| ask(bind.address, name, kind, &limits).await.unwrap();

    let found = soa(bind.address, "example", &limits).await.unwrap();
    assert_eq!((found.mname.as_str(), found.serial), ("ns.example.", 7));

    let data = ask("ns.example", Kind::A).await.answers.remove(0).data;
    assert_eq!(data, Data::A([127, 0, 0, 1].into()));
    let data = ask("six.example", Kind::Aaaa).await.answers.remove(0).data;
    assert_eq!(data, Data::Aaaa("2001:db8::1".parse().unwrap()));
    let data = ask("www.example", Kind::A).await.answers.remove(0).data;
    assert_eq!(data, Data::Cname("web.elsewhere.net.".to_owned()));
    let data = ask("example", Kind::Mx).await.answers.remove(0).data;
    assert_eq!(
        data,
        Data::Mx {
            preference: 10,
            exchange: "mail.example.".to_owned()
        }
    );

    let nothing = ask("ns.example", Kind::Mx).await;
    assert_eq!(
        (nothing.rcode, nothing.aa, nothing.answers.len()),
        (Rcode::NoError, true, 0)
    );
    assert_eq!(ask("nobody.example", Kind::A).await.rcode, Rcode::NxDomain);
    assert_eq!(ask("example.net", Kind::A).await.rcode, Rcode::Refused);

    // About 4.5 kB: too much for a datagram.
    let large = ask("large.example", Kind::Txt).await;
    assert_eq!(large.answers.len(), 60);
}

#[tokio::test]
async fn delegations_are_read_from_a_referral_or_an_answer() {
    let bind = Bind::start().await;
    let limits = Limits::default();
    let found = delegation(bind.address, "plat.example", &limits)
        .await
        .unwrap();
    assert_eq!(found.from, Origin::Referral);
    assert_eq!(found.ttl, 1800);
    assert_eq!(
        found.to_string(),
        "ns1.plat.example. (192.0.2.1, 2001:db8::53), ns2.elsewhere.net."
    );
    let found = delegation(bind.address, "child.example", &limits)
        .await
        .unwrap();
    assert_eq!(found.from, Origin::Answer);
    assert_eq!(found.to_string(), "ns.child.example. (192.0.2.9)");
    for (domain, known) in [("nobody.example", true), ("example.net", false)] {
        let error = delegation(bind.address, domain, &limits).await.unwrap_err();
        assert!(matches!(error, PortError::Refused { .. }));
        let fault = fault_of(&error).unwrap();
        assert_eq!(
            matches!(fault, Fault::NotDelegated { .. }),
            known,
            "{fault:?}"
        );
    }
}
