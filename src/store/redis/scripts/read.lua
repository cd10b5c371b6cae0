return {redis.call('MGET', unpack(KEYS)), redis.call('TIME')}
