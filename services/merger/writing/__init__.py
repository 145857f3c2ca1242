"""Write the merged model: shard by shard, block by block, with the files beside the weights."""
