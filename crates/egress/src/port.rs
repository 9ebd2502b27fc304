//! Ports on which other protocols answer: an HTTP request sent there can do harm (SS-16).

/// Whether HTTP may be sent to this port of a public address.
///
/// A deny-list, because MCP servers run on any port. Not applied inside networks the operator
/// allowed.
pub(crate) fn speaks_http(port: u16) -> bool {
    port != 0 && FOREIGN.binary_search(&port).is_err()
}

/// Sorted. Chosen: what answers to lines of text or carries credentials (mail, shells, files,
/// directories), and stores that are often open without a password. Left out: 9200 (Elasticsearch)
/// and other ports where the protocol is HTTP itself.
const FOREIGN: [u16; 57] = [
    7,     // echo
    9,     // discard
    13,    // daytime
    19,    // chargen
    20,    // ftp data
    21,    // ftp
    22,    // ssh
    23,    // telnet
    25,    // smtp
    37,    // time
    43,    // whois
    53,    // dns
    69,    // tftp
    79,    // finger
    110,   // pop3
    111,   // portmapper
    113,   // ident
    119,   // nntp
    123,   // ntp
    135,   // rpc
    137,   // netbios
    138,   // netbios
    139,   // netbios
    143,   // imap
    161,   // snmp
    179,   // bgp
    389,   // ldap
    445,   // smb
    465,   // smtps
    512,   // rexec
    513,   // rlogin
    514,   // rsh, syslog
    515,   // printer
    587,   // submission
    631,   // ipp
    636,   // ldaps
    873,   // rsync
    993,   // imaps
    995,   // pop3s
    1433,  // sql server
    1521,  // oracle
    2049,  // nfs
    2181,  // zookeeper
    3306,  // mysql
    3389,  // rdp
    4369,  // erlang port mapper
    5432,  // postgres
    5672,  // amqp
    5900,  // vnc
    6379,  // redis
    6380,  // redis over tls
    6667,  // irc
    9042,  // cassandra
    9092,  // kafka
    10250, // kubelet
    11211, // memcached
    27017, // mongodb
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_names_each_port_once() {
        assert!(FOREIGN.is_sorted_by(|a, b| a < b));
    }

    /// SS-16
    #[test]
    fn other_protocols_are_refused_and_web_ports_are_not() {
        for port in [80, 443, 3000, 8000, 8080, 8443, 9200] {
            assert!(speaks_http(port), "{port}");
        }
        for port in [
            0, 22, 25, 53, 110, 143, 445, 465, 587, 993, 995, 3306, 5432, 6379, 11211, 27017,
        ] {
            assert!(!speaks_http(port), "{port}");
        }
    }
}
