// @kafkajs/confluent-schema-registry, as a service uses it. It can neither configure nor delete but by registering.
import { assert, bad, contexts, customer, modules, openTopics, order, step, v1, v2, versionOf } from './run.mjs'

const { SchemaRegistry, SchemaType, COMPATIBILITY } = modules('@kafkajs/confluent-schema-registry')
const { default: Ajv } = modules('ajv')

const json = (schema, references) => ({ type: SchemaType.JSON, schema, ...(references && { references }) })
const fails = (promise, status, words) =>
  assert.rejects(promise, (e) => {
    assert.equal(e.status, status, `${e}`)
    assert.ok(e.message.includes(words), `${e}`)
    return true
  })

const topics = await openTopics()
for (const context of contexts) {
  const fresh = () => new SchemaRegistry({ host: context.url, retry: { retries: 0 } }, { [SchemaType.JSON]: { ajvInstance: new Ajv({ strict: false }) } })
  const registry = fresh()
  const subject = context.topic + '-value'

  const first = await step(`${context.name} register`, async () => {
    const { id } = await registry.register(json(v1), { subject })
    assert.deepEqual(await registry.register(json(v1), { subject }), { id, version: 1 })
    // The first registration also wrote the level, which the next one compares.
    await assert.rejects(registry.register(json(v2), { subject, compatibility: COMPATIBILITY.FULL }), /FULL != BACKWARD/)
    return id
  })
  await step(`${context.name} find`, async () => {
    assert.equal(await fresh().getLatestSchemaId(subject), first)
    assert.equal(await fresh().getRegistryId(subject, 1), first)
    assert.equal(await fresh().getRegistryIdBySchema(subject, json(v1)), first)
    await fails(fresh().getLatestSchemaId('none'), 404, "not found.")
    await fails(fresh().getRegistryId(subject, 9), 404, 'Version 9 not found.')
    await assert.rejects(fresh().getRegistryIdBySchema(subject, json(bad)), /Schema not found/)
    await fails(fresh().getSchema(999), 404, 'Schema 999 not found')
  })
  await step(`${context.name} serialize`, async () => {
    await topics.send(context.topic, await registry.encode(first, { id: 'o-1' }))
    assert.deepEqual(await fresh().decode(await topics.read(context.topic)), { id: 'o-1' })
    await assert.rejects(registry.encode(first, { id: 7 }))
  })
  if (context.name === '.') {
    await step('. an invalid event does not get past the gate', async () => {
      const frame = await registry.encode(first, { id: 'o-1' })
      const wrong = Buffer.concat([frame.subarray(0, 5), Buffer.from('{"id":7}')])
      await assert.rejects(topics.send(context.topic, wrong), (e) => e.type === 'INVALID_RECORD' || e.code === 87)
    })
  }
  await step(`${context.name} evolve`, async () => {
    const second = await registry.register(json(v2), { subject })
    assert.equal(second.version, 2)
    await topics.send(context.topic, await registry.encode(second.id, { id: 'o-2', note: 'x' }))
    await fails(registry.register(json(bad), { subject }), 409, 'incompatible with an earlier schema')
    const unbounded = JSON.stringify({ type: 'string', pattern: '(a+)\\1' }) // JavaScript runs it, the registry does not
    await fails(registry.register(json(unbounded), { subject }), 422, 'Invalid schema of type JSON')
  })
  await step(`${context.name} references`, async () => {
    await fresh().register(json(customer), { subject: 'customer' }) // its compiler takes a $id once
    const { id } = await fresh().register(json(order, [{ name: 'customer.json', subject: 'customer', version: 1 }]), { subject: subject + '-order' })
    const bytes = await fresh().encode(id, { id: 'o-3', customer: { name: 'Ada' } })
    assert.deepEqual(await fresh().decode(bytes), { id: 'o-3', customer: { name: 'Ada' } })
    await assert.rejects(fresh().encode(id, { id: 'o-3', customer: {} }))
  })
}
await topics.close()
console.log(JSON.stringify({ client: '@kafkajs/confluent-schema-registry ' + versionOf('@kafkajs/confluent-schema-registry') + ', node ' + process.version }))
process.exit(0)
