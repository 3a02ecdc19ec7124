BEGIN TRANSACTION;
CREATE TABLE commits (
            stack TEXT PRIMARY KEY, spec TEXT NOT NULL, source TEXT NOT NULL, committed_at REAL NOT NULL, digest TEXT NOT NULL,
            leases TEXT NOT NULL, fingerprints TEXT NOT NULL);
INSERT INTO "commits" VALUES('edge','version: 1
name: edge
networks: {lan: {subnets: [10.5.0.0/24], bridge: br-edge}}
namespaces:
  gate: {interfaces: {wan: {nic: eth1, addresses: [203.0.113.5/24]}, eth0: {network: lan}}}
  more: {interfaces: {eth0: {network: lan}}}
','edge.yaml',1.79548965747406411171e+09,'a34b205c075135957f6f0b012681fd1e94e242e7677e16d20a525a389f49d22b','{"lan/named/gate/eth0/10.5.0.0/24":"10.5.0.2","lan/named/more/eth0/10.5.0.0/24":"10.5.0.3"}','{"908236d7a2fba54e26408af3":"908236d7a2fba54e26408af3"}');
INSERT INTO "commits" VALUES('lab','version: 1
name: lab
networks: {lan: {subnets: [10.6.0.0/24]}}
namespaces: {a: {interfaces: {eth0: {network: lan}}}}
','lab.yaml',1.79548965749650812147e+09,'d2279f20d90b3beeb27a8b8806d85f18a69f40d438cf53f4c7cf629aa30a835b','{"lan/named/a/eth0/10.6.0.0/24":"10.6.0.2"}','{"90178b5cb466adc5e790938d":"90178b5cb466adc5e790938d"}');
CREATE TABLE journals (
            stack TEXT PRIMARY KEY, spec TEXT, source TEXT NOT NULL, started_at REAL NOT NULL,
            claims TEXT NOT NULL, leases TEXT NOT NULL);
INSERT INTO "journals" VALUES('lab','version: 1
name: lab
networks: {lan: {subnets: [10.6.0.0/24]}}
namespaces: {b: {interfaces: {eth0: {network: lan}}}, a: {interfaces: {eth0: {network: lan}}}}
','lab.yaml',1.79548965750507521629e+09,'{"netns":["named/b"],"links":[["host","b-c50be0ec4223b"],["named/b","eth0"]],"docker_networks":[]}','{"lan/named/a/eth0/10.6.0.0/24":"10.6.0.2","lan/named/b/eth0/10.6.0.0/24":"10.6.0.3"}');
CREATE TABLE loans (stack TEXT PRIMARY KEY, loans TEXT NOT NULL);
INSERT INTO "loans" VALUES('edge','[{"loan":"nic","home":"host","name":"eth1","netns":"named/gate","new_name":"wan","mac":"02:00:00:00:00:99","permanent_mac":null,"mtu":1400,"up":true,"master":"","alias":"the uplink","txqlen":900,"group":0,"addrgenmode":null,"addresses":[{"dev":"eth1","cidr":"192.0.2.7/24","peer":null,"scope":0,"label":"eth1","broadcast":"192.0.2.255","flags":0,"valid_seconds":4294967295,"preferred_seconds":4294967295}],"routes":[{"to":"198.51.100.0/24","via":"192.0.2.1","dev":"eth1","source":null,"metric":5,"table":254,"kind":"unicast","scope":null,"onlink":false,"mtu":null,"protocol":4}]},{"loan":"sysctl","netns":"host","key":"net.ipv4.ip_forward","value":"0"}]');
CREATE TABLE trials (
            stack TEXT PRIMARY KEY, spec TEXT, source TEXT NOT NULL, deadline REAL NOT NULL, leases TEXT NOT NULL DEFAULT '{}');
INSERT INTO "trials" VALUES('edge','version: 1
name: edge
networks: {lan: {subnets: [10.5.0.0/24], bridge: br-edge}}
namespaces:
  gate: {interfaces: {wan: {nic: eth1, addresses: [203.0.113.5/24]}, eth0: {network: lan}}}
','edge.yaml',1.7954902574616675377e+09,'{"lan/named/gate/eth0/10.5.0.0/24":"10.5.0.2"}');
COMMIT;
PRAGMA user_version = 2;
