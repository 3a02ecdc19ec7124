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
','edge.yaml',1.79602795673690032954e+09,'a34b205c075135957f6f0b012681fd1e94e242e7677e16d20a525a389f49d22b','{"lan/named/gate/eth0/10.5.0.0/24":"10.5.0.2","lan/named/more/eth0/10.5.0.0/24":"10.5.0.3"}','{"908236d7a2fba54e26408af3":"908236d7a2fba54e26408af3"}');
INSERT INTO "commits" VALUES('lab','version: 1
name: lab
networks: {lan: {subnets: [10.6.0.0/24]}}
namespaces: {a: {interfaces: {eth0: {network: lan}}}}
','lab.yaml',1.79602795674291086189e+09,'d2279f20d90b3beeb27a8b8806d85f18a69f40d438cf53f4c7cf629aa30a835b','{"lan/named/a/eth0/10.6.0.0/24":"10.6.0.2"}','{"90178b5cb466adc5e790938d":"90178b5cb466adc5e790938d"}');
CREATE TABLE deeds (id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, stack TEXT NOT NULL, deed TEXT NOT NULL, repair INTEGER NOT NULL DEFAULT 0);
INSERT INTO "deeds" VALUES(1,1.79602795672311592103e+09,'edge','{"act":"apply","result":"done","caller":null,"done":["create namespace gate with net.ipv6.conf.default.disable_ipv6=1","create bridge br-edge on the host","create veth gate-cff24f9e56 as a port of br-edge on the host, its other end eth0 in gate","move NIC eth1 from the host to gate as wan","set lo up with alias netwright:edge in gate","set wan up in gate","set eth0 up with alias netwright:edge in gate","add address 10.5.0.2/24 on eth0 in gate","add address 203.0.113.5/24 on wan in gate","add default route via 10.5.0.1 through eth0 in gate","add address 10.5.0.1/24 on br-edge on the host","link /etc/netns/gate/hosts to the stack''s","write the file hosts of the stack''s namespaces","load nft table nw_edge on the host","set net.ipv4.ip_forward to 1 on the host"],"more":0,"message":"","before":"","after":"906c838a8a0dc3c28d6e8049debe349a30a7ce910e60afa69d301325ebe32ada"}',0);
INSERT INTO "deeds" VALUES(2,1.79602795673675489423e+09,'edge','{"act":"apply","result":"done","caller":null,"done":["create namespace more with net.ipv6.conf.default.disable_ipv6=1","create veth more-10503c08fe as a port of br-edge on the host, its other end eth0 in more","set lo up with alias netwright:edge in more","set eth0 up with alias netwright:edge in more","add address 10.5.0.3/24 on eth0 in more","add default route via 10.5.0.1 through eth0 in more","link /etc/netns/more/hosts to the stack''s","write the file hosts of the stack''s namespaces"],"more":0,"message":"","before":"906c838a8a0dc3c28d6e8049debe349a30a7ce910e60afa69d301325ebe32ada","after":"a34b205c075135957f6f0b012681fd1e94e242e7677e16d20a525a389f49d22b"}',0);
INSERT INTO "deeds" VALUES(3,1.79602795674280762668e+09,'lab','{"act":"apply","result":"done","caller":null,"done":["create namespace a with net.ipv6.conf.default.disable_ipv6=1","create bridge br-lab-lan on the host","create veth a-eb21e607d199e as a port of br-lab-lan on the host, its other end eth0 in a","set lo up with alias netwright:lab in a","set eth0 up with alias netwright:lab in a","add address 10.6.0.2/24 on eth0 in a","add default route via 10.6.0.1 through eth0 in a","add address 10.6.0.1/24 on br-lab-lan on the host","link /etc/netns/a/hosts to the stack''s","write the file hosts of the stack''s namespaces","load nft table nw_lab on the host"],"more":0,"message":"","before":"","after":"d2279f20d90b3beeb27a8b8806d85f18a69f40d438cf53f4c7cf629aa30a835b"}',0);
CREATE TABLE journals (
            stack TEXT PRIMARY KEY, spec TEXT, source TEXT NOT NULL, started_at REAL NOT NULL,
            claims TEXT NOT NULL, leases TEXT NOT NULL);
INSERT INTO "journals" VALUES('lab','version: 1
name: lab
networks: {lan: {subnets: [10.6.0.0/24]}}
namespaces: {b: {interfaces: {eth0: {network: lan}}}, a: {interfaces: {eth0: {network: lan}}}}
','lab.yaml',1.79602795674738097185e+09,'{"netns":["named/b"],"links":[["host","b-c50be0ec4223b"],["named/b","eth0"]],"docker_networks":[]}','{"lan/named/a/eth0/10.6.0.0/24":"10.6.0.2","lan/named/b/eth0/10.6.0.0/24":"10.6.0.3"}');
CREATE TABLE loans (stack TEXT PRIMARY KEY, loans TEXT NOT NULL);
INSERT INTO "loans" VALUES('edge','[{"loan":"nic","home":"host","name":"eth1","netns":"named/gate","new_name":"wan","mac":"02:00:00:00:00:99","permanent_mac":null,"mtu":1400,"up":true,"master":"","alias":"the uplink","txqlen":900,"group":0,"addrgenmode":null,"addresses":[{"dev":"eth1","cidr":"192.0.2.7/24","peer":null,"scope":0,"label":"eth1","broadcast":"192.0.2.255","flags":0,"valid_seconds":4294967295,"preferred_seconds":4294967295}],"routes":[{"to":"198.51.100.0/24","via":"192.0.2.1","dev":"eth1","source":null,"metric":5,"table":254,"kind":"unicast","scope":null,"onlink":false,"mtu":null,"protocol":4}],"sysctls":{"net.ipv4.conf.eth1.rp_filter":"2"}},{"loan":"sysctl","netns":"host","key":"net.ipv4.ip_forward","value":"0"}]');
CREATE TABLE trials (
            stack TEXT PRIMARY KEY, spec TEXT, source TEXT NOT NULL, deadline REAL NOT NULL, leases TEXT NOT NULL DEFAULT '{}', written REAL NOT NULL DEFAULT 0, boot TEXT NOT NULL DEFAULT '', since_boot REAL NOT NULL DEFAULT 0);
INSERT INTO "trials" VALUES('edge','version: 1
name: edge
networks: {lan: {subnets: [10.5.0.0/24], bridge: br-edge}}
namespaces:
  gate: {interfaces: {wan: {nic: eth1, addresses: [203.0.113.5/24]}, eth0: {network: lan}}}
','edge.yaml',1.79602855673596620558e+09,'{"lan/named/gate/eth0/10.5.0.0/24":"10.5.0.2"}',1.79602795673611831664e+09,'9938f502-fea1-40c7-92bc-28548c89dd64',6.88525061488151550286e+03);
CREATE INDEX deeds_of_stack ON deeds (stack);
CREATE INDEX deeds_by_kind ON deeds (repair, id);
CREATE INDEX deeds_by_age ON deeds (at);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('deeds',3);
COMMIT;
PRAGMA user_version = 6;
