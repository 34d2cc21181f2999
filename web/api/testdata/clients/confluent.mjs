// @confluentinc/schemaregistry, as a service uses it.
import { assert, bad, contexts, customer, modules, openTopics, order, step, v1, v2, versionOf } from './run.mjs'

const { SchemaRegistryClient, JsonSerializer, JsonDeserializer, SerdeType, Compatibility, RestError } = modules('@confluentinc/schemaregistry')

const json = (schema, references) => ({ schemaType: 'JSON', schema, ...(references && { references }) })
const fails = (promise, status, code) =>
  assert.rejects(promise, (e) => {
    assert.ok(e instanceof RestError, `${e}`)
    assert.deepEqual([e.status, e.errorCode], [status, code], e.message)
    return true
  })

const topics = await openTopics()
for (const context of contexts) {
  const client = new SchemaRegistryClient({ baseURLs: [context.url], maxRetries: 0 })
  const fresh = () => new SchemaRegistryClient({ baseURLs: [context.url], maxRetries: 0 })
  const subject = context.topic + '-value'
  const own = (name) => (context.name === '.' ? name : `:${context.name}:${name}`)

  await step(`${context.name} register and serialize`, async () => {
    const deserializer = new JsonDeserializer(fresh(), SerdeType.VALUE, { validate: true })
    const first = await client.registerFullResponse(subject, json(v1))
    assert.equal(first.version, 1)
    assert.match(first.guid, /^[0-9a-f-]{36}$/)
    const byLatest = new JsonSerializer(client, SerdeType.VALUE, { useLatestVersion: true, validate: true })
    await topics.send(context.topic, await byLatest.serialize(context.topic, { id: 'o-1' }))
    assert.deepEqual(await deserializer.deserialize(context.topic, await topics.read(context.topic)), { id: 'o-1' })
    await assert.rejects(byLatest.serialize(context.topic, { id: 7 }))
  })
  await step(`${context.name} register while serializing`, async () => {
    const serializer = new JsonSerializer(client, SerdeType.VALUE, { autoRegisterSchemas: true, normalizeSchemas: true })
    const bytes = await serializer.serialize(context.topic + '-auto', { id: 'o-1', lines: [{ sku: 'x', count: 1 }] })
    const deserializer = new JsonDeserializer(fresh(), SerdeType.VALUE, { validate: true })
    assert.deepEqual(await deserializer.deserialize(context.topic + '-auto', bytes), { id: 'o-1', lines: [{ sku: 'x', count: 1 }] })
    assert.deepEqual(await client.getAllVersions(context.topic + '-auto-value'), [1])
  })
  await step(`${context.name} find`, async () => {
    const id = await client.getId(subject, json(v1))
    assert.equal(await client.getVersion(subject, json(v1)), 1)
    const latest = await fresh().getLatestSchemaMetadata(subject)
    assert.deepEqual([latest.id, latest.version, latest.subject, latest.schemaType, latest.schema], [id, 1, own(subject), 'JSON', v1])
    assert.equal((await fresh().getSchemaMetadata(subject, 1)).id, id)
    assert.equal((await fresh().getBySubjectAndId(subject, id)).schema, v1)
    assert.equal((await fresh().getBySubjectAndId(undefined, id)).schema, v1)
    assert.equal((await fresh().getByGuid(latest.guid)).schema, v1)
    assert.deepEqual(await client.getAllVersions(subject), [1])
    assert.ok((await client.getAllSubjects()).includes(own(subject)))
    await fails(fresh().getLatestSchemaMetadata('none'), 404, 40401)
    await fails(fresh().getSchemaMetadata(subject, 9), 404, 40402)
    await fails(fresh().getBySubjectAndId(subject, 999), 404, 40403)
    await fails(fresh().getId(subject, json(bad)), 404, 40403)
  })
  await step(`${context.name} evolve`, async () => {
    assert.equal(await client.testSubjectCompatibility(subject, json(v2)), true)
    assert.equal((await client.registerFullResponse(subject, json(v2))).version, 2)
    assert.equal(await client.testSubjectCompatibility(subject, json(bad)), false)
    assert.equal(await client.testCompatibility(subject, 1, json(bad)), false)
    await fails(client.register(subject, json(bad)), 409, 409)
    await fails(client.register(subject, json('{"type":')), 422, 42201)
    await fails(client.register(subject, { schemaType: 'AVRO', schema: '"string"' }), 422, 42201)
    assert.deepEqual(await fresh().getAllVersions(subject), [1, 2])
  })
  await step(`${context.name} metadata and rules`, async () => {
    const metadata = { properties: { owner: 'orders' } }
    const registered = await client.registerFullResponse(subject + '-rules', { ...json(v1), metadata, ruleSet: { domainRules: [{ name: 'r', kind: 'CONDITION', mode: 'WRITE', type: 'CEL', expr: 'true' }] } })
    const found = await fresh().getLatestWithMetadata(subject + '-rules', { owner: 'orders' })
    assert.deepEqual([found.id, found.metadata, found.ruleSet.domainRules[0].name], [registered.id, metadata, 'r'])
    await fails(fresh().getLatestWithMetadata(subject + '-rules', { owner: 'payments' }), 404, 40403)
  })
  await step(`${context.name} references`, async () => {
    await client.register('customer', json(customer))
    const references = [{ name: 'customer.json', subject: 'customer', version: 1 }]
    await client.register(subject + '-order', json(order, references))
    const strategy = { subjectNameStrategy: () => subject + '-order', useLatestVersion: true, validate: true }
    const serializer = new JsonSerializer(fresh(), SerdeType.VALUE, strategy)
    const bytes = await serializer.serialize(context.topic, { id: 'o-2', customer: { name: 'Ada' } })
    const deserializer = new JsonDeserializer(fresh(), SerdeType.VALUE, { ...strategy, useLatestVersion: false })
    assert.deepEqual(await deserializer.deserialize(context.topic, bytes), { id: 'o-2', customer: { name: 'Ada' } })
    await assert.rejects(serializer.serialize(context.topic, { id: 'o-2', customer: {} }))
    await fails(client.deleteSubject('customer'), 422, 42206)
  })
  await step(`${context.name} configure`, async () => {
    await fails(client.getConfig(subject), 404, 40408)
    assert.equal((await client.getDefaultConfig()).compatibilityLevel, 'BACKWARD')
    await client.updateCompatibility(subject, Compatibility.FULL_TRANSITIVE)
    assert.equal(await client.getCompatibility(subject), 'FULL_TRANSITIVE')
    await client.updateConfig(subject, { compatibility: 'NONE', normalize: true })
    assert.equal((await client.getConfig(subject)).normalize, true)
    await fails(client.updateCompatibility(subject, 'SIDEWAYS'), 422, 42203)
  })
  await step(`${context.name} delete`, async () => {
    assert.equal(await client.deleteSubjectVersion(subject, 2), 2)
    await fails(client.deleteSubjectVersion(subject, 1, true), 404, 40407)
    assert.deepEqual(await client.deleteSubject(subject), [1])
    assert.deepEqual(await client.deleteSubject(subject, true), [1, 2])
    await fails(fresh().getAllVersions(subject), 404, 40401)
    for (const name of [subject + '-order', 'customer', subject + '-rules', context.topic + '-auto-value']) {
      await client.deleteSubject(name)
      await client.deleteSubject(name, true)
    }
  })
  await client.close()
}
await topics.close()
console.log(JSON.stringify({ client: '@confluentinc/schemaregistry ' + versionOf('@confluentinc/schemaregistry') + ', node ' + process.version }))
process.exit(0)
