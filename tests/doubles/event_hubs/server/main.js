"use strict";
// A peer of Event Hubs, for tests only. Orders come on standard input, a JSON object a line; each
// is answered with a line on standard output. It ends with its input: it never outlives its test.

const readline = require("node:readline");

const rhea = require("rhea");

const { Faults } = require("./faults.js");
const { Hub } = require("./hubs.js");
const { Nodes } = require("./nodes.js");

const options = JSON.parse(process.argv[2]);
const state = { hubs: new Map(), faults: new Faults(), publications: [], connections: 0 };

function clear() {
  for (const [name, partitions] of Object.entries(options.hubs)) {
    state.hubs.set(name, new Hub(name, partitions, options.groups));
  }
  state.faults.waiting = [];
  state.publications = [];
}

const orders = {
  clear: () => clear(),
  fault: ({ fault }) => void state.faults.waiting.push(fault),
  faults: () => state.faults.waiting,
  expire: ({ hub }) => state.hubs.get(hub).expire(),
  events: ({ hub }) => state.hubs.get(hub).contents(),
  publications: () => state.publications,
  connections: () => state.connections,
};

const link = { max_message_size: options.max_message_size, properties: {}, autosettle: true };
const connections = {
  max_frame_size: 65536, channel_max: 255, idle_time_out: 240000, properties: {},
};
const container = rhea.create_container({
  id: "event-hubs-peer",
  receiver_options: { ...link, autoaccept: false },
  sender_options: link,
});
const nodes = new Nodes(state);
container.on("connection_open", () => state.connections++);
container.on("session_open", ({ session }) => {
  session.local.begin.handle_max = 255;
});
container.on("receiver_open", ({ receiver }) => nodes.receive(receiver));
container.on("sender_open", ({ sender }) => nodes.send(sender));
// Clients come and go as they like, in the middle of a frame too; a fault of our own is for whoever
// reads the output of the test.
const theirs = ["disconnected", "connection_error", "protocol_error"];
for (const event of theirs) container.on(event, () => {});
container.on("error", (fault) => console.error(fault));

clear();
const server = container.listen({ ...connections, port: 0, host: "127.0.0.1" });
server.on("listening", () => console.log(JSON.stringify({ port: server.address().port })));

readline.createInterface({ input: process.stdin })
  .on("line", (line) => {
    const order = JSON.parse(line);
    console.log(JSON.stringify({ answer: orders[order.do](order) ?? null }));
  })
  .on("close", () => process.exit(0));
