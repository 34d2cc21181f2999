// Drives kafkajs through a gate and prints one JSON line a step. Arguments: bootstrap, topic, events to read; standard input
// holds a valid and an invalid event, a line each.
const { Kafka, logLevel, CompressionTypes } = require('kafkajs')

const [bootstrap, topic, want] = process.argv.slice(2)
const [good, bad] = require('fs').readFileSync(0, 'utf8').split('\n')
const say = (step, what) => console.log(JSON.stringify({ step, ...what }))
const kafka = new Kafka({ clientId: 'kafkajs', brokers: [bootstrap], logLevel: logLevel.NOTHING, retry: { retries: 3 } })

async function send(sender, values) {
  try {
    const [answer] = await sender.send({ topic, acks: -1, compression: CompressionTypes.GZIP, messages: values.map((value, i) => ({ key: 'k', value, headers: { n: String(i) } })) })
    return { offset: answer.baseOffset }
  } catch (e) {
    return { code: e.code ?? e.cause?.code, text: e.message }
  }
}

async function main() {
  const producer = kafka.producer()
  await producer.connect()
  say('accept', { results: [await send(producer, [good, good])] })
  say('refuse', { results: [await send(producer, [good, bad, good])] })
  await producer.disconnect()

  const exact = kafka.producer({ idempotent: true, transactionalId: topic + '-kafkajs', maxInFlightRequests: 1 })
  await exact.connect()
  const first = await exact.transaction()
  const refused = await send(first, [bad])
  let committed = true
  try {
    await first.commit()
  } catch (e) {
    committed = false
    await first.abort().catch(() => {})
  }
  say('poisoned', { committed, refused: [refused] })
  const again = kafka.producer({ idempotent: true, transactionalId: topic + '-kafkajs', maxInFlightRequests: 1 })
  await again.connect()
  const second = await again.transaction()
  const sent = await send(second, [good])
  await second.commit()
  say('transaction', { committed: sent.code === undefined })
  await exact.disconnect()
  await again.disconnect()

  const consumer = kafka.consumer({ groupId: topic + '-kafkajs' })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  let count = 0, wrong = 0
  await new Promise((resolve) => {
    setTimeout(resolve, 30000).unref()
    consumer.run({
      eachMessage: async ({ message }) => {
        if (message.value.toString() !== good) wrong++
        if (++count === Number(want)) resolve()
      },
    })
  })
  await consumer.stop()
  say('group', { count, bad: wrong })
  await consumer.disconnect()
}

main().then(() => process.exit(0), (e) => { say('error', { text: String(e.stack) }); process.exit(1) })
