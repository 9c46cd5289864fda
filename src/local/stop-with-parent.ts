// Preloaded into the services of `npm start`: when the launcher closes their standard input, or dies, they stop as at a
// SIGTERM.
process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM')).resume();
