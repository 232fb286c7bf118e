// Clients of npm's `ws`, with the same ledger as support/ledger.py. Argument: {urls, room, names, count, senders}.
// Prints "connected", waits for a line, plays, prints what was missing or wrong as a line of JSON.
import { createInterface } from 'node:readline';
import WebSocket from 'ws';

const plan = JSON.parse(process.argv[2]);
const wrong = [];

class Player {
    constructor(name, url) {
        this.name = name;
        this.echoes = 0;
        this.heard = new Map(plan.senders.map((sender) => [sender, 0]));
        this.left = plan.count * (plan.senders.length + 1);
        this.done = new Promise((resolve) => { this.finish = resolve; });
        this.socket = new WebSocket(`${url}?group=${plan.room}`, { perMessageDeflate: false });
        this.socket.on('message', (data, isBinary) => this.onMessage(data, isBinary));
        this.socket.on('close', (code, reason) => {
            if (this.left > 0) { wrong.push(`${this.name} was closed with ${code} ${reason}`); }
            this.finish();
        });
        this.socket.on('error', (error) => wrong.push(`${this.name}: ${error.message}`));
    }

    // The first command's answer: the app has accepted, so the groups are in effect.
    async ready() {
        await new Promise((resolve, reject) => {
            this.socket.once('open', resolve);
            this.socket.once('error', reject);
        });
        await new Promise((resolve) => {
            this.onReady = resolve;
            this.socket.send(JSON.stringify({ do: 'whoami', id: -1 }));
        });
    }

    async play() {
        for (let i = 0; i < plan.count; ++i) {
            this.socket.send(echoOf(this.name, i), { binary: i % 2 === 1 });
            this.socket.send(JSON.stringify({ do: 'group', group: plan.room, text: `${this.name} ${i}` }));
            if (i % 16 === 15) { await new Promise(setImmediate); }
        }
        await this.done;
        this.socket.close(1000);
    }

    onMessage(data, isBinary) {
        const text = data.toString();
        if (text.startsWith('{')) {
            const answer = JSON.parse(text);
            if (answer.re === -1) { this.onReady(); }
            if (answer.error) { wrong.push(`${this.name}: ${answer.error}`); }
            return;
        }
        if (text.startsWith('echo ')) {
            if (text !== echoOf(this.name, this.echoes).toString() || isBinary !== (this.echoes % 2 === 1)) {
                wrong.push(`${this.name}: echo ${this.echoes} is ${text.slice(0, 40)}`);
            }
            this.echoes += 1;
        } else {
            const [sender, number] = text.split(' ');
            if (Number(number) !== this.heard.get(sender)) {
                wrong.push(`${this.name}: ${this.heard.get(sender)} of ${sender} is ${text}`);
            }
            this.heard.set(sender, Number(number) + 1);
        }
        this.left -= 1;
        if (this.left === 0) { this.finish(); }
    }
}

function echoOf(name, number) {
    return Buffer.from(`echo ${name} ${number} ` + 'x'.repeat((number * 37) % 700));
}

const players = plan.names.map((name, i) => new Player(name, plan.urls[i % plan.urls.length]));
await Promise.all(players.map((player) => player.ready()));
console.log('connected');
await new Promise((resolve) => createInterface({ input: process.stdin }).once('line', resolve));
const deadline = setTimeout(() => {
    for (const player of players) {
        if (player.left > 0) { wrong.push(`${player.name} misses ${player.left}`); }
    }
    console.log(JSON.stringify(wrong));
    process.exit(1);
}, plan.seconds * 1000);
await Promise.all(players.map((player) => player.play()));
clearTimeout(deadline);
console.log(JSON.stringify(wrong));
process.exit(wrong.length === 0 ? 0 : 1);
