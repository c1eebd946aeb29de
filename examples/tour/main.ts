console.log('There is no tour yet: perdure is under construction.');
